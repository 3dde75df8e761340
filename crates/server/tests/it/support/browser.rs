//! A browser without a screen: cookies, forms, and no redirect that is followed by itself.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chancery_core::actor::password::FOREIGN_SECONDS;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::json;

use super::{Client, TestApp};

/// A password that every test may use.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A browser at one server.
pub(crate) struct Browser {
    http: reqwest::Client,
    pub(crate) address: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What it shows.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads.
    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// The value of the first hidden field of a name.
    pub(crate) fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.text.split(&mark).nth(1).unwrap_or_else(|| panic!("no field {name}: {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Names and values as a form has them.
pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://x/").unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

impl Browser {
    pub(crate) fn new(address: &str) -> Self {
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, address: address.to_owned(), cookies: Mutex::default() }
    }

    /// A request with the cookies.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.address) };
        let cookies: Vec<String> = self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, url);
        if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) }
    }

    /// Sends a request and keeps the cookies of the answer.
    pub(crate) async fn see(&self, request: RequestBuilder) -> Seen {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if value.is_empty() {
                cookies.remove(name)
            } else {
                cookies.insert(name.to_owned(), value.to_owned())
            };
        }
        Seen { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Seen {
        self.see(self.request(Method::GET, path)).await
    }

    /// Sends a form as a page of ours does, without the token of the session.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let request = self.request(Method::POST, path).header("Origin", &self.address).header("Sec-Fetch-Site", "same-origin");
        self.see(request.header("Content-Type", "application/x-www-form-urlencoded").body(encoded(fields))).await
    }

    /// Sends a form with the token of the session, as the own page does.
    pub(crate) async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let csrf = self.get("/account").await.field("csrf");
        self.post(path, &[fields, &[("csrf", csrf.as_str())]].concat()).await
    }

    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Seen {
        self.post("/login", &[("name", name), ("password", password), ("next", "")]).await
    }

    /// A cookie that it has.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    pub(crate) fn plant(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }
}

impl TestApp {
    /// Gives a person a password, as he sets it with the secret of a reset.
    pub(crate) async fn password(&self, name: &str, password: &str) {
        let reset = self.admin.post(&format!("/api/v1/users/{name}/password-reset"), json!({})).await.expect(200);
        let body = json!({"name": name, "current": reset["secret"], "new": password});
        self.anonymous.post("/api/v1/account/password", body).await.expect(200);
    }

    /// A person by a token of his own, which nobody else had a hand in: when the three days are over in which the password after a reset
    /// counts as made by who reset it, he changes it and logs in. Moves the clock.
    pub(crate) async fn own(&self, name: &str) -> Client {
        self.password(name, "the first one of this person").await;
        self.advance(FOREIGN_SECONDS);
        let body = json!({"name": name, "current": "the first one of this person", "new": PASSWORD});
        self.anonymous.post("/api/v1/account/password", body).await.expect(200);
        let login = self.anonymous.post("/api/v1/login", json!({"name": name, "password": PASSWORD})).await.expect(201);
        let login = self.anonymous.with_token(login["secret"].as_str().unwrap());
        let kept = login.post("/api/v1/account/tokens", json!({})).await.expect(201);
        self.anonymous.with_token(kept["secret"].as_str().unwrap())
    }

    /// A browser in which this person is logged in.
    pub(crate) async fn browser(&self, name: &str) -> Browser {
        let browser = Browser::new(&self.address);
        let seen = browser.log_in(name, PASSWORD).await;
        assert_eq!((seen.status, seen.location()), (303, "/"), "{}", seen.text);
        browser
    }
}
