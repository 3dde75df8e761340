use super::*;

/// Written by `openssl genpkey -algorithm ed25519`.
const OPENSSL_ED25519: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEUhcpBdn5PO5O9gEDlKiBrVHWXyx+AR2W9ddKvgpWdU\n-----END PRIVATE KEY-----\n";
const OPENSSL_ED25519_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAYY+zZH0lHzWaY5AObElRbHMLcvTqvudH5GF0NsFMxdM=\n-----END PUBLIC KEY-----\n";
/// Written by `ssh-keygen -t ed25519`.
const SSH_ED25519: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCxDbSQWZFEooBvu8ffeENsrGvpxZeqbelverWHWYRFrwAAAJAA1jEvANYx
LwAAAAtzc2gtZWQyNTUxOQAAACCxDbSQWZFEooBvu8ffeENsrGvpxZeqbelverWHWYRFrw
AAAEApHHlf7E7Vvpnek0+SPuIyiimWfxIGuPatTBy2VqYIO7ENtJBZkUSigG+7x994Q2ys
a+nFl6pt6W96tYdZhEWvAAAADHNvbWVvbmVAaG9zdAE=
-----END OPENSSH PRIVATE KEY-----
";
const SSH_ED25519_PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILENtJBZkUSigG+7x994Q2ysa+nFl6pt6W96tYdZhEWv someone@host\n";
/// Written by `ssh-keygen -t ecdsa -b 256`.
const SSH_P256: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQT2iH8yZ4S/Z7xvQtpooi3N7knRIqvD
VHa+7sthVG2oRbbN/qMuwiL5KdvY237aVFxF2C6dJdcOvpwfi8XfimjwAAAAqDeciXY3nI
l2AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPaIfzJnhL9nvG9C
2miiLc3uSdEiq8NUdr7uy2FUbahFts3+oy7CIvkp29jbftpUXEXYLp0l1w6+nB+Lxd+KaP
AAAAAgUPmztZAuxy4jm6Di3ZgIUFE7wacwa0i58wkjPiJ8l9IAAAAMc29tZW9uZUBob3N0
AQIDBA==
-----END OPENSSH PRIVATE KEY-----
";
const SSH_P256_PUBLIC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPaIfzJnhL9nvG9C2miiLc3uSdEiq8NUdr7uy2FUbahFts3+oy7CIvkp29jbftpUXEXYLp0l1w6+nB+Lxd+KaPA= someone@host";
/// Written by `ssh-keygen -t ed25519 -N secret`; only the beginning matters.
const SSH_WITH_PASSPHRASE: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDDj30+i6
cIDxGYqViWl+EdAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIA0uKLvDz74uOaDi
-----END OPENSSH PRIVATE KEY-----
";

#[test]
fn keys_of_openssl_and_openssh_are_read_and_belong_together() {
    for (private, public, algorithm) in [
        (OPENSSL_ED25519, OPENSSL_ED25519_PUBLIC, Algorithm::Ed25519),
        (SSH_ED25519, SSH_ED25519_PUBLIC, Algorithm::Ed25519),
        (SSH_P256, SSH_P256_PUBLIC, Algorithm::EcdsaP256),
    ] {
        let key = ForeignSigningKey::parse(private).unwrap();
        let known = ForeignKey::parse(public).unwrap();
        assert_eq!((key.public_key(), known.algorithm()), (known.clone(), algorithm));
        assert_eq!(ForeignKey::parse(&known.to_spki_pem().unwrap()).unwrap(), known, "one key, however it is written");
        assert_eq!(ForeignKey::from_spki_der(&known.to_spki_der().unwrap()).unwrap(), known);
        let signature = key.sign(b"message").unwrap();
        assert_eq!(known.verify(b"message", &signature), Ok(()));
        assert_eq!(known.verify(b"Message", &signature), Err(KeyError::WrongSignature));
        for other in [OPENSSL_ED25519_PUBLIC, SSH_ED25519_PUBLIC, SSH_P256_PUBLIC].map(|text| ForeignKey::parse(text).unwrap()) {
            assert_eq!(other.verify(b"message", &signature).is_ok(), other == known);
        }
    }
    assert_eq!(ForeignKey::parse(OPENSSL_ED25519_PUBLIC).unwrap().to_spki_pem().unwrap(), OPENSSL_ED25519_PUBLIC);
    assert!(!format!("{:?}", ForeignSigningKey::parse(SSH_P256).unwrap()).to_lowercase().contains("50f9b3b5"));
}

#[test]
fn what_is_no_public_key_is_refused() {
    let weak =
        format!("ssh-ed25519 {}", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [&b"\0\0\0\x0bssh-ed25519\0\0\0\x20\x01"[..], &[0; 31]].concat()));
    let cut = SSH_P256_PUBLIC.replace("KaPA=", "");
    for (text, says) in [
        ("", "no public key"),
        ("ssh-ed25519", "no public key"),
        ("ssh-ed25519 !!!!", "no public key"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDF", "no public key"),
        ("ssh-ed25519 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==", "no public key"),
        (weak.as_str(), "no public key"),
        (cut.as_str(), "no public key"),
        (&format!("{SSH_ED25519_PUBLIC}{SSH_P256_PUBLIC}"), "one line"),
        (OPENSSL_ED25519, "private key"),
        (SSH_ED25519, "private key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no P-256 or Ed25519"),
        (&"x".repeat(MAX_KEY_BYTES + 1), "at most"),
    ] {
        let refusal = ForeignKey::parse(text).unwrap_err();
        assert!(refusal.message.contains(says), "{refusal} does not say {says}");
        crate::testing::check_style(&refusal);
    }
}

#[test]
fn what_is_no_private_key_is_refused_with_the_way_out() {
    let swapped =
        SSH_ED25519.replace("QyNTUxOQAAACCxDbSQWZFEooBvu8ffeENsrGvpxZeqbelverWHWYRFrwAAAJAA", "QyNTUxOQAAACCxDbSQWZFEooBvu8ffeENsrGvpxZeqbelverWHWYRFrgAAAJAA");
    for (text, says) in [
        ("", "genpkey"),
        (SSH_ED25519_PUBLIC, "genpkey"),
        (SSH_WITH_PASSPHRASE, "passphrase"),
        (swapped.as_str(), "ssh-keygen"),
        ("-----BEGIN EC PRIVATE KEY-----", "pkcs8"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "pkcs8"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "ssh-keygen"),
        (&"x".repeat(MAX_KEY_BYTES + 1), "at most"),
    ] {
        let refusal = ForeignSigningKey::parse(text).unwrap_err();
        assert!(refusal.to_string().contains(says), "{refusal} does not say {says}");
        crate::testing::check_style(&refusal);
    }
}
