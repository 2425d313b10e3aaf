//! Contact2Sale's API.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use time::{PrimitiveDateTime, format_description::FormatItem, macros::format_description};

use super::{Lead, limit::Limit};
use crate::{Script, Server, sender, server::ANY_PORT};

const ACTIONS: [&str; 3] = ["on_create_lead", "on_update_lead", "on_close_lead"];
const PER_PAGE_MAX: usize = 50;
/// The only form of instants that it takes.
const INSTANT: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// An API with leads of its own. Clones share them.
#[derive(Debug, Clone)]
pub struct C2sApi {
    /// What happens to the next requests.
    pub script: Script,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    token: String,
    leads: BTreeMap<String, Lead>,
    /// Where webhooks go, by action.
    hooks: BTreeMap<String, String>,
    webhooks: usize,
    limit: Option<Limit>,
    ignores_updated_gte: bool,
}

impl C2sApi {
    /// An API that accepts this token, with no leads, no limit and nobody subscribed.
    pub fn new(token: &str) -> Self {
        let known = Known {
            token: token.to_owned(),
            leads: BTreeMap::new(),
            hooks: BTreeMap::new(),
            webhooks: 0,
            limit: None,
            ignores_updated_gte: false,
        };
        Self { script: Script::default(), known: Arc::new(Mutex::new(known)) }
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(&self) -> std::io::Result<Server> {
        self.start_on(ANY_PORT).await
    }

    /// Starts it there. Its base is `/integration` below the server's address.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_on(&self, listen: SocketAddr) -> std::io::Result<Server> {
        let leads = Router::new()
            .route("/leads", get(list).post(create))
            .route("/leads/subscribe", post(subscribe))
            .route("/leads/unsubscribe", post(unsubscribe))
            .route("/leads/{id}", get(lead))
            .route("/leads/{id}/create_message", post(create_message));
        let router = Router::new().nest("/integration", leads).with_state(self.clone());
        Server::start(router, &self.script, listen).await
    }

    /// Answers 429 above so many calls in any stretch of this length; `tells`: with `Retry-After`.
    pub fn limit(&self, count: usize, per: Duration, tells: bool) {
        self.known().limit = Some(Limit::new(count, per, tells));
    }

    /// Accepts another token from now on.
    pub fn change_token(&self, token: &str) {
        token.clone_into(&mut self.known().token);
    }

    /// Lists all leads whatever `updated_gte` says, as it does in some accounts.
    pub fn ignore_updated_gte(&self) {
        self.known().ignores_updated_gte = true;
    }

    /// Sends a webhook to this URL for everything that happens to a lead, as if it had been subscribed there.
    pub fn send_webhooks_to(&self, url: &str) {
        self.known().hooks = ACTIONS.map(|action| (action.to_owned(), url.to_owned())).into();
    }

    /// Webhooks that arrived.
    pub fn webhooks(&self) -> usize {
        self.known().webhooks
    }

    /// Puts a lead there without telling anybody: one whose webhook was lost.
    pub fn add(&self, lead: Lead) {
        self.known().leads.insert(lead.id.clone(), lead);
    }

    /// Puts a lead there, or a new state of it, and sends the webhook of it.
    pub async fn receive(&self, lead: Lead) {
        let id = lead.id.clone();
        let is_new = self.known().leads.insert(id.clone(), lead).is_none();
        self.announce(&id, if is_new { "on_create_lead" } else { "on_update_lead" }).await;
    }

    /// The lead as it is.
    pub fn lead(&self, id: &str) -> Option<Lead> {
        self.known().leads.get(id).cloned()
    }

    /// What was posted on a lead through the API.
    pub fn messages(&self, id: &str) -> Vec<String> {
        self.lead(id).map(|lead| lead.posted).unwrap_or_default()
    }

    async fn announce(&self, id: &str, action: &str) {
        let (url, lead) = {
            let known = self.known();
            let (Some(url), Some(lead)) = (known.hooks.get(action), known.leads.get(id)) else { return };
            (url.clone(), lead.json())
        };
        let body = json!({ "hook_action": action, "lead": lead });
        let Ok(client) = sender::client() else { return };
        // One that does not arrive is lost: whether the real one sends it again, nobody knows.
        let sent = client.post(url).json(&body).send().await;
        if sent.is_ok_and(|response| response.status().is_success()) {
            self.known().webhooks += 1;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every call must pass.
    fn admit(&self, headers: &HeaderMap) -> Result<MutexGuard<'_, Known>, Refused> {
        let mut known = self.known();
        if let Some(limit) = &mut known.limit
            && let Err(wait) = limit.take(Instant::now())
        {
            return Err(Refused::limited(wait, limit.tells));
        }
        let expected = format!("Bearer {}", known.token);
        let named = [header::AUTHORIZATION.as_str(), "authentication"];
        let is_ours = named.iter().any(|name| headers.get(*name).is_some_and(|given| *given == *expected));
        if is_ours { Ok(known) } else { Err(Refused::new(StatusCode::UNAUTHORIZED, "Unauthorized")) }
    }
}

/// An answer that is no success.
struct Refused {
    status: StatusCode,
    retry_after: Option<u64>,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, message: &str) -> Self {
        Self { status, retry_after: None, message: message.to_owned() }
    }

    fn limited(wait: Duration, tells: bool) -> Self {
        let seconds = wait.as_secs_f64().ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of seconds"
        )]
        let retry_after = tells.then_some(seconds as u64);
        let message = "Too many requests, try again in 1 minute".to_owned();
        Self { status: StatusCode::TOO_MANY_REQUESTS, retry_after, message }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = Json(json!({ "success": false, "msg": self.message }));
        match self.retry_after {
            Some(seconds) => {
                (self.status, [(header::RETRY_AFTER, seconds.to_string())], body).into_response()
            }
            None => (self.status, body).into_response(),
        }
    }
}

fn unknown() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "Lead not found")
}

fn unprocessable(message: &str) -> Refused {
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

async fn lead(
    State(api): State<C2sApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let known = api.admit(&headers)?;
    let lead = known.leads.get(&id).ok_or_else(unknown)?;
    Ok(Json(json!({ "data": lead.json() })))
}

async fn list(
    State(api): State<C2sApi>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let known = api.admit(&headers)?;
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (page, per_page) = (number("page").unwrap_or(1).max(1), number("perpage").unwrap_or(PER_PAGE_MAX));
    if per_page > PER_PAGE_MAX {
        return Err(Refused::new(StatusCode::FORBIDDEN, "perpage must be at most 50"));
    }
    let since = query.get("updated_gte").map(|text| PrimitiveDateTime::parse(text, INSTANT)).transpose();
    let since = since.map_err(|_| Refused::new(StatusCode::FORBIDDEN, "invalid date or strptime format"))?;
    let since = since.filter(|_| !known.ignores_updated_gte).map(PrimitiveDateTime::assume_utc);
    let is_new = |lead: &&Lead| since.is_none_or(|since| lead.updated_at >= since);
    let mut leads: Vec<&Lead> = known.leads.values().filter(is_new).collect();
    leads.sort_by_key(|lead| std::cmp::Reverse(lead.created_at));
    let on_page = leads.iter().skip((page - 1) * per_page).take(per_page);
    let data: Vec<Value> = on_page.map(|lead| lead.json()).collect();
    Ok(Json(json!({ "data": data, "meta": { "total": leads.len(), "page": page, "perpage": per_page } })))
}

async fn create(
    State(api): State<C2sApi>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Refused> {
    let id = {
        let known = api.admit(&headers)?;
        format!("{:032x}", known.leads.len() + 1)
    };
    let told = body.pointer("/data/attributes").unwrap_or(&body);
    let told = told.get("customer").unwrap_or(told);
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("name").is_empty() {
        return Err(unprocessable("name can't be blank"));
    }
    api.receive(Lead::new(&id, text("name"), text("phone"), text("email"))).await;
    Ok((StatusCode::CREATED, Json(json!({ "data": { "type": "lead", "id": id } }))).into_response())
}

async fn create_message(
    State(api): State<C2sApi>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response, Refused> {
    {
        let mut known = api.admit(&headers)?;
        let lead = known.leads.get_mut(&id).ok_or_else(unknown)?;
        // `message` as the key is what everybody gets wrong first.
        let text = body.get("body").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        lead.posted.push(text.ok_or_else(|| unprocessable("body can't be blank"))?.to_owned());
        lead.touch();
    }
    let announcing = async move { api.announce(&id, "on_update_lead").await };
    #[expect(clippy::disallowed_methods, reason = "a simulator has nothing to drain")]
    tokio::spawn(announcing);
    Ok((StatusCode::CREATED, Json(json!({ "success": true, "message": "Message created" }))).into_response())
}

async fn subscribe(
    State(api): State<C2sApi>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Refused> {
    let mut known = api.admit(&headers)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if !ACTIONS.contains(&text("hook_action").as_str()) {
        return Err(unprocessable("hook_action not found"));
    }
    known.hooks.insert(text("hook_action"), text("hook_url"));
    Ok(Json(json!({ "success": true, "message": "Subscribed successfully" })))
}

async fn unsubscribe(
    State(api): State<C2sApi>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Refused> {
    let mut known = api.admit(&headers)?;
    let action = body.get("hook_action").and_then(Value::as_str).unwrap_or_default();
    known.hooks.remove(action).ok_or_else(|| unprocessable("hook_action not found"))?;
    Ok(Json(json!({ "success": true, "message": "Unsubscribed successfully" })))
}
