use super::*;

fn breaker() -> Arc<Breaker> {
    Breaker::new(
        "test",
        &config::Breaker {
            dead_letters_max: 5,
            share_percent: 50,
            window_seconds: 60,
            pause_seconds: 10,
            pause_max_seconds: 25,
        },
    )
}

fn paused() -> Arc<Breaker> {
    let breaker = breaker();
    while breaker.may_die() {}
    breaker
}

#[tokio::test(start_paused = true)]
async fn it_takes_as_many_dead_letters_as_configured() {
    let breaker = breaker();
    assert!((0..5).all(|_| breaker.may_die()));
    assert!(!breaker.may_die());
    assert_eq!(breaker.remaining(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn many_dead_letters_among_many_more_events_are_no_reason() {
    let breaker = breaker();
    (0..100).for_each(|_| breaker.handled());
    assert!((0..50).all(|_| breaker.may_die()));
}

#[tokio::test(start_paused = true)]
async fn what_died_long_ago_does_not_count() {
    let breaker = breaker();
    for _ in 0..100 {
        assert!(breaker.may_die());
        tokio::time::advance(Duration::from_secs(15)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_pause_is_twice_as_long_as_the_last_up_to_a_limit() {
    let breaker = paused();
    let mut seat = breaker.seat().unwrap();
    for expected in [10, 20, 25, 25] {
        assert_eq!(breaker.remaining(), Duration::from_secs(expected));
        assert_eq!(seat.turn().await, Turn::Try);
        seat.failed();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_grows_only_after_every_event_in_hand_was_tried() {
    let breaker = paused();
    let (mut first, mut second) = (breaker.seat().unwrap(), breaker.seat().unwrap());
    assert_eq!(first.turn().await, Turn::Try);
    first.failed();
    assert_eq!(breaker.remaining(), Duration::ZERO);
    assert_eq!(second.turn().await, Turn::Try);
    second.failed();
    assert_eq!(breaker.remaining(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn one_success_lets_everything_flow() {
    let breaker = paused();
    let (mut first, mut second) = (breaker.seat().unwrap(), breaker.seat().unwrap());
    assert_eq!(first.turn().await, Turn::Try);
    first.failed();
    assert_eq!(second.turn().await, Turn::Try);
    second.succeeded();
    assert_eq!(first.turn().await, Turn::Flowing);
    breaker.flowing().await;
    assert!(breaker.may_die(), "nothing is held against it");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_attends_is_known_when_it_is_over() {
    let breaker = paused();
    let seat = breaker.seat().unwrap();
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(!breaker.is_unattended());
    drop(seat);
    assert!(breaker.is_unattended());
}

#[tokio::test(start_paused = true)]
async fn only_a_few_events_stay_in_hand() {
    let breaker = paused();
    let seats: Vec<_> = (0..10).filter_map(|_| breaker.seat()).collect();
    assert_eq!(seats.len(), SEATS);
}
