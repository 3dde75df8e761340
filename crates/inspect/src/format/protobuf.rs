//! ONNX and TensorFlow SavedModel have no magic number: both are protobuf messages, told apart by their fields.

use super::Format;

/// Most top-level fields that are looked at.
const MAX_FIELDS: usize = 32;
/// `ir_version` of every ONNX release so far lies below this; it grows by one every year or so.
const MAX_ONNX_IR_VERSION: u64 = 64;

enum Value<'a> {
    Number(u64),
    /// As many of the bytes as the sample has.
    Bytes(&'a [u8]),
}

/// ONNX, SavedModel, or neither.
pub(super) fn detect(sample: &[u8]) -> Option<Format> {
    let mut rest = sample;
    let (1, Value::Number(version)) = field(&mut rest)? else {
        return None;
    };
    let mut fields = Vec::new();
    // The last field usually runs past the sample; a field that is not protobuf at all refuses the whole.
    while !rest.is_empty() && fields.len() < MAX_FIELDS {
        match field(&mut rest) {
            Some(next) => fields.push(next),
            None => return None,
        }
    }
    if version == 1 && is_saved_model(&fields) {
        return Some(Format::SavedModel);
    }
    ((1..=MAX_ONNX_IR_VERSION).contains(&version) && is_onnx(&fields)).then_some(Format::Onnx)
}

/// `SavedModel { saved_model_schema_version = 1, meta_graphs = 2 }`; a meta graph begins with its MetaInfoDef.
fn is_saved_model(fields: &[(u64, Value<'_>)]) -> bool {
    !fields.is_empty() && fields.iter().all(|(number, value)| *number == 2 && matches!(value, Value::Bytes([0x0a, ..])))
}

/// `ModelProto`: producer and domain are text (2, 3, 4, 6), `model_version` a number (5), the rest messages.
fn is_onnx(fields: &[(u64, Value<'_>)]) -> bool {
    let text = |bytes: &[u8]| bytes.iter().all(|byte| !byte.is_ascii_control());
    let known = fields.iter().all(|(number, value)| match (number, value) {
        (2 | 3 | 4 | 6, Value::Bytes(bytes)) => text(bytes),
        (5, Value::Number(_)) | (7 | 8 | 14 | 20 | 25 | 26, Value::Bytes(_)) => true,
        (_, Value::Number(_) | Value::Bytes(_)) => false,
    });
    known && fields.iter().any(|(number, _)| matches!(number, 2 | 7 | 8))
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        2 => {
            let length = usize::try_from(varint(rest).unwrap_or(0)).ok()?.min(rest.len());
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Value::Bytes(bytes)
        }
        // Neither message has a fixed width field or a group at the top.
        _ => return None,
    };
    Some((key >> 3, value))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in 0..10 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift * 7)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
