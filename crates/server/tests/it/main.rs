//! The server from outside: one test binary, one module per subject. `#[cfg(test)]` tells clippy that all of a module is test code.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod governance;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod model;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
