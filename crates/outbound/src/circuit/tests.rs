use super::*;

const REST: Duration = Duration::from_secs(30);

fn circuits() -> Circuits {
    let mut settings = config::Settings::for_tests().outbound;
    settings.circuit_failures_max = 3;
    settings.circuit_rest_ms = 30_000;
    Circuits::new("stranger", &settings)
}

fn request(url: &str) -> Request {
    Request::get(url.parse().unwrap())
}

fn fail(circuits: &Circuits, request: &Request, times: usize) {
    for _ in 0..times {
        circuits.enter(request).unwrap().failed();
    }
}

fn rest(circuits: &Circuits, request: &Request) -> Option<Duration> {
    match circuits.enter(request) {
        Ok(_) => None,
        Err(Error::Resting { after }) => Some(after),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_fails_again_and_again_rests() {
    let (circuits, request) = (circuits(), request("https://hooks.example.com/a"));
    fail(&circuits, &request, 2);
    circuits.enter(&request).unwrap().answered();
    fail(&circuits, &request, 2);
    assert_eq!(rest(&circuits, &request), None, "only failures in a row count");
    fail(&circuits, &request, 1);
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(rest(&circuits, &request), Some(Duration::from_secs(20)));
}

#[tokio::test(start_paused = true)]
async fn who_asks_beforehand_hears_the_same_and_is_no_trial() {
    let circuits = circuits();
    let request = request("https://hooks.example.com/a").circuit("hook");
    assert_eq!(circuits.rests("hook"), None);
    fail(&circuits, &request, 3);
    assert_eq!(circuits.rests("hook"), Some(REST));
    tokio::time::advance(REST).await;
    assert_eq!(circuits.rests("hook"), None);
    let trial = circuits.enter(&request).expect("asking took nobody's turn");
    assert_eq!(circuits.rests("hook"), Some(TRIAL_WAIT));
    trial.answered();
    assert_eq!(circuits.rests("hook"), None);
}

#[tokio::test(start_paused = true)]
async fn one_call_tries_whether_it_is_back() {
    let (circuits, request) = (circuits(), request("https://hooks.example.com/a"));
    fail(&circuits, &request, 3);
    tokio::time::advance(REST).await;
    let trial = circuits.enter(&request).unwrap();
    assert_eq!(rest(&circuits, &request), Some(TRIAL_WAIT));
    trial.failed();
    assert_eq!(rest(&circuits, &request), Some(REST), "the whole rest once more");

    tokio::time::advance(REST).await;
    drop(circuits.enter(&request).unwrap());
    let trial = circuits.enter(&request).expect("a call that was given up says nothing and blocks nobody");
    trial.answered();
    let all: Vec<_> = (0..5).map(|_| circuits.enter(&request).unwrap()).collect();
    assert_eq!(all.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_the_rest_began_does_not_make_it_longer() {
    let (circuits, request) = (circuits(), request("https://hooks.example.com/a"));
    let late = circuits.enter(&request).unwrap();
    fail(&circuits, &request, 3);
    tokio::time::advance(REST / 2).await;
    late.failed();
    assert_eq!(rest(&circuits, &request), Some(REST / 2));
}

#[tokio::test(start_paused = true)]
async fn hosts_and_hooks_rest_apart() {
    let circuits = circuits();
    fail(&circuits, &request("https://one.example.com/a"), 3);
    assert!(rest(&circuits, &request("https://one.example.com/b")).is_some(), "one host is one destination");
    assert_eq!(rest(&circuits, &request("https://two.example.com/a")), None);
    assert_eq!(rest(&circuits, &request("https://one.example.com/a").circuit("hook-1")), None);
}

#[tokio::test(start_paused = true)]
async fn no_number_of_destinations_fills_the_memory() {
    let circuits = circuits();
    for number in 0..REMEMBERED_MAX * 2 {
        fail(&circuits, &request("https://example.com/").circuit(number.to_string()), 1);
    }
    assert!(circuits.failing().len() <= REMEMBERED_MAX);
}
