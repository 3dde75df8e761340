//! The server from outside: one test binary, one module per subject. `#[cfg(test)]` tells clippy that all of a module is test code.

#[cfg(test)]
mod access;
#[cfg(test)]
mod access_log;
#[cfg(test)]
mod access_policy;
#[cfg(test)]
mod alias;
#[cfg(test)]
mod approval;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod attack_access;
#[cfg(test)]
mod attack_login;
#[cfg(test)]
mod attack_pipeline;
#[cfg(test)]
mod attack_secrets;
#[cfg(test)]
mod attack_teams;
#[cfg(test)]
mod attack_transport;
#[cfg(test)]
mod attestation;
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod emergency;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod exception;
#[cfg(test)]
mod govern;
#[cfg(test)]
mod governance;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod history;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod input;
#[cfg(test)]
mod key;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod login;
#[cfg(test)]
mod login_oidc;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod mlflow;
#[cfg(test)]
mod mlflow_artifacts;
#[cfg(test)]
mod mlflow_client;
#[cfg(test)]
mod mlflow_search;
#[cfg(test)]
mod model;
#[cfg(test)]
mod names;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod own_signature;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod pages_admin;
#[cfg(test)]
mod pages_ledger;
#[cfg(test)]
mod pages_models;
#[cfg(test)]
mod pages_policy;
#[cfg(test)]
mod pages_registers;
#[cfg(test)]
mod pages_review;
#[cfg(test)]
mod pages_version;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod random;
#[cfg(test)]
mod registry_keys;
#[cfg(test)]
mod risk;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod sight;
#[cfg(test)]
mod signed_evidence;
#[cfg(test)]
mod store;
#[cfg(test)]
mod store_tls;
#[cfg(test)]
mod support;
#[cfg(test)]
mod systems;
#[cfg(test)]
mod teams;
#[cfg(test)]
mod template;
#[cfg(test)]
mod third_party;
#[cfg(test)]
mod together;
#[cfg(test)]
mod token;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod version;
#[cfg(test)]
mod workload;
