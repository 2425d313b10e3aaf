//! The part of the Graph API that subscribes accounts.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::{Script, Server, server::ANY_PORT};

/// Fields that exist.
const FIELDS: &[&str] = &[
    "comments",
    "live_comments",
    "mentions",
    "messages",
    "message_echoes",
    "message_edit",
    "message_reactions",
    "messaging_handover",
    "messaging_optins",
    "messaging_policy_enforcement",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_seen",
    "response_feedback",
    "standby",
    "story_insights",
];

/// A Graph API with accounts of its own. Every token is good until it is killed.
#[derive(Debug, Clone, Default)]
pub struct GraphApi {
    state: Arc<Mutex<Known>>,
    /// What happens to the next requests.
    pub script: Script,
}

#[derive(Debug, Default)]
struct Known {
    app_secret: Option<String>,
    subscribed: HashMap<String, BTreeSet<String>>,
    dead_tokens: HashSet<String>,
    app_usage: u32,
    account_usage: BTreeMap<String, (u32, u32)>,
}

/// An error as Meta words it.
struct Refusal {
    code: i64,
    subcode: Option<i64>,
    kind: &'static str,
    message: String,
}

impl GraphApi {
    /// The app's id in lists of subscribed apps.
    pub const APP_ID: &'static str = "1234567890";

    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(&self) -> std::io::Result<Server> {
        self.start_on(ANY_PORT).await
    }

    /// Starts it there.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_on(&self, listen: SocketAddr) -> std::io::Result<Server> {
        let router = Router::new()
            .route("/{version}/{account}/subscribed_apps", get(handle).post(handle).delete(handle))
            .with_state(self.clone());
        Server::start(router, &self.script, listen).await
    }

    /// From now on requires `appsecret_proof` by this secret.
    pub fn require_proof(&self, app_secret: &str) {
        self.known().app_secret = Some(app_secret.to_owned());
    }

    /// From now on answers calls with this token with error 190.
    pub fn kill_token(&self, token: &str) {
        self.known().dead_tokens.insert(token.to_owned());
    }

    /// From now on reports that so many percent of the app's limit are used.
    pub fn set_app_usage(&self, percent: u32) {
        self.known().app_usage = percent;
    }

    /// From now on reports that so many percent of the account's limit are used, and when it can be called again.
    pub fn set_account_usage(&self, account: &str, percent: u32, regain_minutes: u32) {
        self.known().account_usage.insert(account.to_owned(), (percent, regain_minutes));
    }

    /// Forgets the subscription, as Meta does with an endpoint that fails for an hour.
    pub fn forget(&self, account: &str) {
        self.known().subscribed.remove(account);
    }

    /// The fields that the account is subscribed to; `None`: not at all.
    pub fn subscribed(&self, account: &str) -> Option<Vec<String>> {
        self.known().subscribed.get(account).map(|fields| fields.iter().cloned().collect())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn handle(
    State(api): State<GraphApi>,
    Path((_version, account)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let mut known = api.known();
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let token = query.get("access_token").map(String::as_str).or(bearer);
    let answer = check(&known, token, &query).and_then(|()| match method {
        Method::POST => subscribe(&mut known, &account, &query),
        Method::DELETE => {
            known.subscribed.remove(&account);
            Ok(json!({ "success": true }))
        }
        _ => Ok(list(&known, &account)),
    });
    let business = known.account_usage.get(&account).map(|(percent, minutes)| {
        json!({ &account: [{ "type": "instagram", "call_count": percent, "total_cputime": 1, "total_time": 1.5,
            "estimated_time_to_regain_access": minutes }] })
    });
    let app = json!({ "call_count": known.app_usage, "total_time": 1, "total_cputime": 0 });
    let mut response = match answer {
        Ok(body) => Json(body).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    let mut add = |name, value: Value| {
        response.headers_mut().insert(name, value.to_string().parse().expect("JSON of numbers is ASCII"));
    };
    add("x-app-usage", app);
    if let Some(business) = business {
        add("x-business-use-case-usage", business);
    }
    response
}

fn check(known: &Known, token: Option<&str>, query: &HashMap<String, String>) -> Result<(), Refusal> {
    let oauth = |code, subcode, message: String| Refusal { code, subcode, kind: "OAuthException", message };
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Err(oauth(2500, None, "An active access token must be used to query information".to_owned()));
    };
    if known.dead_tokens.contains(token) {
        // Meta quotes it in some of its messages, so this one does.
        return Err(oauth(190, Some(463), format!("Error validating access token {token}: it has expired")));
    }
    let Some(secret) = &known.app_secret else { return Ok(()) };
    let time = query.get("appsecret_time");
    let message = time.map_or_else(|| token.to_owned(), |time| format!("{token}|{time}"));
    let is_fresh = time.is_none_or(|time| {
        let age = time.parse().map(|time: i64| OffsetDateTime::now_utc().unix_timestamp() - time);
        age.is_ok_and(|age| (-300..=300).contains(&age))
    });
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length will do");
    mac.update(message.as_bytes());
    let expected = hex::encode(mac.finalize().into_bytes());
    if query.get("appsecret_proof") == Some(&expected) && is_fresh {
        return Ok(());
    }
    let message = "Invalid appsecret_proof provided in the API argument".to_owned();
    Err(Refusal { code: 100, subcode: None, kind: "GraphMethodException", message })
}

fn subscribe(known: &mut Known, account: &str, query: &HashMap<String, String>) -> Result<Value, Refusal> {
    let fields = query.get("subscribed_fields").map(String::as_str).unwrap_or_default();
    let fields: BTreeSet<String> =
        fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned).collect();
    if let Some(unknown) = fields.iter().find(|field| !FIELDS.contains(&field.as_str())) {
        let message = format!(
            "(#100) Param subscribed_fields[0] must be one of {{{}}} - got \"{unknown}\"",
            FIELDS.join(", ")
        );
        return Err(Refusal { code: 100, subcode: None, kind: "OAuthException", message });
    }
    if fields.is_empty() {
        let message = "(#100) The parameter subscribed_fields is required.".to_owned();
        return Err(Refusal { code: 100, subcode: None, kind: "OAuthException", message });
    }
    // Adds to what is there: an account is rid of a field only by removing the app and subscribing again.
    known.subscribed.entry(account.to_owned()).or_default().extend(fields);
    Ok(json!({ "success": true }))
}

fn list(known: &Known, account: &str) -> Value {
    let other = json!({ "id": "999", "name": "another app", "subscribed_fields": ["standby"] });
    let own = known
        .subscribed
        .get(account)
        .map(|fields| json!({ "id": GraphApi::APP_ID, "name": "our app", "subscribed_fields": fields }));
    json!({ "data": own.into_iter().chain([other]).collect::<Vec<_>>() })
}

impl Refusal {
    fn into_response(self) -> Response {
        let status = if self.code == 190 { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let mut error =
            json!({ "message": self.message, "type": self.kind, "code": self.code, "fbtrace_id": "AbCdEf" });
        if let (Some(subcode), Value::Object(error)) = (self.subcode, &mut error) {
            error.insert("error_subcode".to_owned(), subcode.into());
        }
        (status, Json(json!({ "error": error }))).into_response()
    }
}
