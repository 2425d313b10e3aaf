//! Who sends: the attributes that every span, metric and log record of the process carries.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_semantic_conventions::resource::{
    DEPLOYMENT_ENVIRONMENT_NAME, HOST_NAME, PROCESS_PID, SERVICE_INSTANCE_ID, SERVICE_NAMESPACE,
    SERVICE_VERSION,
};

/// The resource of this process. The instance id is new with every start, as the conventions ask.
pub(crate) fn describe(service: &'static str, environment: &str) -> Resource {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new(SERVICE_NAMESPACE, "weir"),
            KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            KeyValue::new(SERVICE_INSTANCE_ID, uuid::Uuid::now_v7().to_string()),
            KeyValue::new(DEPLOYMENT_ENVIRONMENT_NAME, environment.to_owned()),
            KeyValue::new(HOST_NAME, host),
            KeyValue::new(PROCESS_PID, i64::from(std::process::id())),
        ])
        .build()
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    #[test]
    fn the_resource_says_who_sends() {
        let resource = super::describe("weir-test", "staging");
        let get = |key: &'static str| resource.get(&Key::from_static_str(key)).map(|value| value.to_string());
        assert_eq!(get("service.name").as_deref(), Some("weir-test"));
        assert_eq!(get("service.namespace").as_deref(), Some("weir"));
        assert_eq!(get("deployment.environment.name").as_deref(), Some("staging"));
        assert!(get("service.instance.id").is_some_and(|id| id.len() == 36));
        assert!(get("host.name").is_some_and(|host| !host.is_empty()));
    }
}
