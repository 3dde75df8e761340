//! The fast way to evaluate a rule: its bytecode in the virtual machine of regorus, three times as fast as the interpreter.
//!
//! INVARIANT: on the documents that the registry makes, the machine says what the interpreter would say, or nothing. The
//! interpreter, which is strict about errors and names file and line of one, has the word where the machine cannot be trusted:
//! - rules of organisations: the machine takes an error of a calculation or an order, or a loop over what is no collection, for
//!   "does not hold"; rules of the baseline are tested to agree (`engine/tests.rs`);
//! - a rule that the machine cannot compile (`with`), or that calls a function outside [`guard`];
//! - a rule that can reach itself, or not be seen not to: the machine would fill the stack;
//! - a rule whose function calls end in an error, and one whose result is not well formed.

mod guard;

use std::collections::BTreeMap;
use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::Instruction;
use regorus::rvm::program::Program;
use regorus::rvm::vm::{RegoVM, VmError};
use regorus::{CompiledPolicy, Value};

use super::sandbox;

/// Instructions that one rule may take: far beyond what 250 ms allow, so that the clock decides.
const MAX_INSTRUCTIONS: usize = 1_000_000_000;
/// Deepest chain of rules and functions that call each other; the stack of a thread holds many times more.
const MAX_CALLS: usize = 32;

/// The bytecode of one rule.
pub(super) type Code = Arc<Program>;

/// What the machine says about a rule.
#[derive(Debug)]
pub(super) enum Said {
    /// A value.
    Value(Value),
    /// It stopped; the interpreter may know better.
    Unknown,
    /// It took too long.
    TooLong,
}

/// Compiles the rule at `path`; none when the interpreter must evaluate it.
pub(super) fn compile(policy: &CompiledPolicy, path: &str) -> Option<Code> {
    let program = Compiler::compile_from_policy(policy, &[path]).ok()?;
    let mut program = Arc::unwrap_or_clone(program);
    if !ends(&program) {
        return None;
    }
    program.resolved_builtins = program.builtin_info_table.iter().map(|function| guard::guarded(&function.name)).collect::<Option<_>>()?;
    Some(Arc::new(program))
}

/// Whether a rule says the same of a document at any time: nothing that it runs reads `now` of the document, or a clock.
pub(super) fn is_timeless(code: &Code) -> bool {
    let reads_now = code.literals.iter().any(|literal| literal.as_string().is_ok_and(|text| text.as_ref() == "now"));
    let reads_clock = code.builtin_info_table.iter().any(|function| function.name.starts_with("time.now"));
    !reads_now && !reads_clock
}

/// Whether no rule or function of a program can reach itself, and no chain of them is too deep.
fn ends(program: &Program) -> bool {
    let calls = calls(program);
    let mut depths = BTreeMap::new();
    calls.keys().all(|rule| depth(*rule, &calls, &mut depths, 0).is_some_and(|depth| depth <= MAX_CALLS))
}

/// What each rule calls, by index. The code of a rule lies from one of its entry points to the next entry point of any rule.
fn calls(program: &Program) -> BTreeMap<usize, Vec<usize>> {
    let mut starts: BTreeMap<usize, usize> = BTreeMap::new();
    for (rule, info) in program.rule_infos.iter().enumerate() {
        let entries = info.definitions.iter().flatten().chain(info.destructuring_blocks.iter().flatten());
        starts.extend(entries.filter_map(|entry| usize::try_from(*entry).ok()).map(|entry| (entry, rule)));
    }
    let mut calls: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, instruction) in program.instructions.iter().enumerate() {
        // The other instructions, of which regorus has some hundred, call nothing.
        let called = if let Instruction::CallRule { rule_index, .. } = instruction {
            Some(*rule_index)
        } else if let Instruction::FunctionCall { params_index } = instruction {
            program.instruction_data.get_function_call_params(*params_index).map(|call| call.func_rule_index)
        } else {
            None
        };
        if let (Some(called), Some((_, caller))) = (called, starts.range(..=at).next_back()) {
            calls.entry(*caller).or_default().push(usize::from(called));
        }
    }
    calls
}

/// How deep the calls of a rule go; none when they come back to one that is open.
fn depth(rule: usize, calls: &BTreeMap<usize, Vec<usize>>, known: &mut BTreeMap<usize, usize>, open: usize) -> Option<usize> {
    if let Some(depth) = known.get(&rule) {
        return Some(*depth);
    }
    if open > MAX_CALLS {
        return None;
    }
    let mut deepest = 0;
    for called in calls.get(&rule).into_iter().flatten() {
        deepest = deepest.max(depth(*called, calls, known, open + 1)?);
    }
    known.insert(rule, deepest + 1);
    Some(deepest + 1)
}

/// Evaluates rules on one input document.
pub(super) struct Machine {
    vm: RegoVM,
    data: Value,
}

impl Machine {
    /// A machine for one input document.
    pub(super) fn new(policy: &CompiledPolicy, data: &Value, input: Value) -> Self {
        let mut vm = RegoVM::new_with_policy(policy.clone());
        vm.set_strict_builtin_errors(true);
        vm.set_max_instructions(MAX_INSTRUCTIONS);
        vm.set_execution_timer_config(Some(sandbox::timer()));
        vm.set_input(input);
        Self { vm, data: data.clone() }
    }

    /// Evaluates one rule. Nothing that another rule did is seen by it.
    pub(super) fn run(&mut self, code: &Code) -> Said {
        self.vm.load_program(Arc::clone(code));
        if self.vm.set_data(self.data.clone()).is_err() {
            return Said::Unknown;
        }
        match self.vm.execute_entry_point_by_index(0) {
            Ok(value) => Said::Value(value),
            Err(VmError::TimeLimitExceeded { .. } | VmError::InstructionLimitExceeded { .. }) => Said::TooLong,
            Err(_) => Said::Unknown,
        }
    }
}
