//! The `chancery` binary.

use clap::Parser as _;

/// A request makes and drops some hundred small values; this allocator spends a third of the time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    let cli = chancery::cli::Cli::parse();
    // Rules that use each other in a chain are evaluated on the stack; memory is taken only when it is used.
    match tokio::runtime::Builder::new_multi_thread().thread_stack_size(chancery_core::policy::STACK_BYTES).enable_all().build() {
        Ok(runtime) => runtime.block_on(chancery::cli::run(cli)).into(),
        Err(error) => {
            eprintln!("cannot start the threads of the program: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
