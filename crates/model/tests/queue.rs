//! Many callers of one classifier.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has found something, and says where"
)]

mod records;

use std::thread;

use model::{Classifier, MlpConfig, Queue, QueueError, RecordError};
use records::record;

const PIXELS: usize = 28 * 28;

fn classifier(hidden: Vec<usize>) -> Classifier {
    let config = MlpConfig {
        hidden,
        ..MlpConfig::tutorial([1, 28, 28], 10)
    };
    Classifier::from_bytes(&record(&config).to_bytes().unwrap()).unwrap()
}

fn picture(number: usize) -> Vec<u8> {
    (0..PIXELS)
        .map(|i| ((i + 1) * (number + 1) * 7919 % 1009 % 256) as u8)
        .collect()
}

#[test]
fn every_caller_gets_the_answers_to_its_own_pictures_in_order() {
    let classifier = classifier(vec![16]);
    for (capacity, batch) in [(0, 0), (1, 64), (16, 7), (1000, 1000)] {
        let queue = Queue::new(classifier.clone(), capacity, batch).unwrap();
        thread::scope(|scope| {
            for caller in 0..8 {
                let (queue, classifier) = (&queue, &classifier);
                scope.spawn(move || {
                    let numbers = || (0..50).map(|i| 50 * caller + i);
                    let pending: Vec<_> = numbers()
                        .map(|number| queue.submit(picture(number)).unwrap())
                        .collect();
                    for (number, pending) in numbers().zip(pending) {
                        let expect = classifier.answer(&picture(number)).unwrap();
                        assert_eq!(pending.wait().unwrap(), expect, "picture {number}");
                    }
                });
            }
        });
    }
}

#[test]
fn a_full_queue_says_so_and_goes_on() {
    // A picture takes milliseconds, queueing one does not.
    let queue = Queue::new(classifier(vec![4096, 4096]).with_threads(1), 2, 1).unwrap();
    let mut pending = Vec::new();
    let error = (0..100).find_map(|number| match queue.try_submit(picture(number)) {
        Ok(answer) => {
            pending.push(answer);
            None
        }
        Err(error) => Some(error),
    });
    assert!(matches!(error, Some(QueueError::Full)), "{error:?}");
    assert!(pending.len() >= 2, "two have room: {}", pending.len());
    for answer in pending {
        answer.wait().unwrap();
    }
    queue.try_submit(picture(0)).unwrap().wait().unwrap();
}

#[test]
fn a_picture_of_another_size_is_refused_and_nobody_else_notices() {
    let queue = Queue::new(classifier(vec![16]), 4, 4).unwrap();
    let good = queue.submit(picture(1)).unwrap();
    for found in [0, 1, PIXELS - 1, 2 * PIXELS] {
        for error in [
            queue.submit(vec![0; found]),
            queue.try_submit(vec![0; found]),
        ] {
            let Err(QueueError::Picture(RecordError::Input { found: said, .. })) = error else {
                panic!("{error:?}");
            };
            assert_eq!(said, found);
        }
    }
    assert_eq!(
        good.wait().unwrap(),
        queue.classifier().answer(&picture(1)).unwrap()
    );
}

#[test]
fn dropping_the_queue_answers_what_waits_and_a_caller_may_go_away() {
    let queue = Queue::new(classifier(vec![1024]), 100, 8).unwrap();
    let mut pending: Vec<_> = (0..50)
        .map(|number| queue.submit(picture(number)).unwrap())
        .collect();
    pending.drain(..25);
    drop(queue); // returns when the worker has ended
    for answer in pending {
        answer.wait().unwrap();
    }
}
