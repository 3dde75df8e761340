//! The HTTP client of the command line: one place that knows retries, idempotency keys and problem details.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde_json::Value;

use super::connection::{Connection, TokenSource, is_this_machine};
use super::failure::{Failure, Problem};

/// How often a request is sent when the connection is lost before the answer.
const MAX_ATTEMPTS: u32 = 3;

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token_source: TokenSource,
}

/// A JSON answer: parsed, and as the server wrote it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The parsed body.
    pub value: Value,
    /// The body.
    pub text: String,
    /// The revision of the subject (ETag), as it came.
    pub etag: Option<String>,
}

impl Client {
    /// Reads the token and prepares the client; nothing is sent yet.
    ///
    /// # Errors
    /// A malformed address, or a token file that cannot be read.
    pub fn open(connection: &Connection) -> Result<Self, Failure> {
        let base = connection.base()?;
        let (token, token_source) = connection.token(&base)?;
        Self::new(base, token.as_deref(), token_source)
    }

    fn new(base: Url, token: Option<&str>, token_source: TokenSource) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Failure::Usage("the token holds characters that no token has".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let builder = reqwest::Client::builder();
        // A proxy would see the administrator's token on its way to this very machine.
        let builder = if is_this_machine(&base) { builder.no_proxy() } else { builder };
        let http = builder
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(300))
            // An API answers itself: a redirect would carry bodies and the token somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::Network(chain(&error)))?;
        Ok(Self { http, base, token_source })
    }

    /// A client for tests.
    #[cfg(test)]
    pub(super) fn for_test(url: &str) -> Self {
        Self::new(Connection { url: url.to_owned(), token_file: None }.base().unwrap(), Some("secret"), TokenSource::Environment).unwrap()
    }

    /// The address of the server.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Where the token came from.
    pub fn token_source(&self) -> &TokenSource {
        &self.token_source
    }

    /// The address of a path under `/api/v1`; every segment is percent-encoded.
    pub fn url(&self, segments: &[&str]) -> Url {
        let mut all = vec!["api", "v1"];
        all.extend(segments);
        self.root_url(&all)
    }

    /// The address of a path under the server's root.
    pub fn root_url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// A request builder for calls that are not plain JSON (uploads, downloads).
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn get(&self, url: Url) -> Result<Answer, Failure> {
        self.ask(self.http.get(url)).await
    }

    /// Reads a body as it is.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn get_bytes(&self, url: Url) -> Result<Vec<u8>, Failure> {
        let response = self.send(self.http.get(url)).await?;
        Ok(response.bytes().await.map_err(|error| lost(&error))?.to_vec())
    }

    /// Changes something. The request carries an idempotency key, so that it can be sent again when the answer is lost.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn change<T: Serialize>(&self, method: Method, url: Url, body: &T, if_match: Option<&str>) -> Result<Answer, Failure> {
        let mut request = self.http.request(method, url).json(body).header("Idempotency-Key", uuid::Uuid::now_v7().to_string());
        if let Some(revision) = if_match {
            request = request.header("If-Match", revision);
        }
        self.ask(request).await
    }

    /// Posts a JSON body that changes something.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn post<T: Serialize>(&self, url: Url, body: &T) -> Result<Answer, Failure> {
        self.change(Method::POST, url, body, None).await
    }

    /// Deletes something.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn delete(&self, url: Url) -> Result<Answer, Failure> {
        let request = self.http.delete(url).header("Idempotency-Key", uuid::Uuid::now_v7().to_string());
        self.ask(request).await
    }

    /// Sends a request, again when the connection is lost before the answer; any status but success is a failure.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let mut attempt = 1;
        loop {
            match self.send_once(copy(&request)?).await {
                Err(Failure::Network(_)) if attempt < MAX_ATTEMPTS => tokio::time::sleep(backoff(attempt)).await,
                result => return result,
            }
            attempt += 1;
        }
    }

    /// Sends a request and reads the JSON of its answer, again when the connection is lost before the end of the answer.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn ask(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let mut attempt = 1;
        loop {
            let result = match self.send_once(copy(&request)?).await {
                Ok(response) => answer(response).await,
                Err(failure) => Err(failure),
            };
            match result {
                Err(Failure::Network(_)) if attempt < MAX_ATTEMPTS => tokio::time::sleep(backoff(attempt)).await,
                result => return result,
            }
            attempt += 1;
        }
    }

    /// Sends a request once and reads the JSON of its answer: for what must not happen twice.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn answer_once(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        answer(self.send_once(request).await?).await
    }

    /// Sends a request once. Any status but success is a failure.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send_once(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| lost(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(refused(response).await) }
    }
}

/// How long to wait after a failed attempt, counted from 1: 0.2 s, 0.4 s, 0.8 s, …
pub(super) fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(100 << attempt.min(6))
}

/// A lost connection, in one line with its causes.
pub(super) fn lost(error: &reqwest::Error) -> Failure {
    Failure::Network(chain(error))
}

async fn answer(response: Response) -> Result<Answer, Failure> {
    let etag = response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = response.text().await.map_err(|error| lost(&error))?;
    let value = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
    let value = value.map_err(|_| Failure::Network("the answer is not JSON; is this a chancery server?".to_owned()))?;
    Ok(Answer { value, text, etag })
}

async fn refused(response: Response) -> Failure {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    match serde_json::from_str::<Problem>(&text) {
        Ok(problem) if !problem.code.is_empty() => Failure::Problem { problem: Box::new(problem), text },
        Ok(_) | Err(_) if status == StatusCode::NOT_FOUND => {
            let detail = "the server does not know this address; is it a chancery server of the same version?";
            Failure::Network(detail.to_owned())
        }
        Ok(_) | Err(_) => Failure::Network(format!("the server answered {status} without saying why")),
    }
}

fn copy(request: &RequestBuilder) -> Result<RequestBuilder, Failure> {
    request.try_clone().ok_or_else(|| Failure::Network("a streamed request cannot be sent again".to_owned()))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_segment_is_encoded() {
        let client = Client::for_test("http://127.0.0.1:1/prefix/");
        let cases = [
            ("loan approval", "/prefix/api/v1/models/loan%20approval"),
            ("crédit", "/prefix/api/v1/models/cr%C3%A9dit"),
            ("a?b#c%d", "/prefix/api/v1/models/a%3Fb%23c%25d"),
        ];
        for (name, path) in cases {
            assert_eq!(client.url(&["models", name]).path(), path);
        }
        assert_eq!(Client::for_test("http://h:1").root_url(&["log", "key"]).as_str(), "http://h:1/log/key");
    }
}
