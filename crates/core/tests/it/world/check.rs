//! What must hold after each step, compared with what a naive reader expects.

use super::*;

impl World {
    /// No row is revived or rewritten, and one grant of a cluster is in force at most.
    pub(super) fn check_grants(&mut self) {
        let mut clusters = BTreeSet::new();
        for grant in &self.grants {
            if grant.is_active(self.now.at) {
                assert!(!self.over.contains_key(&grant.id), "a grant is revived");
                assert!(clusters.insert(grant.cluster), "two grants are in force");
                let mine: Vec<Grant> = self.grants.iter().filter(|g| g.cluster == grant.cluster).cloned().collect();
                assert_eq!(in_force(&mine, self.now.at), Some(grant));
                assert_eq!(mine.last(), Some(grant), "only the newest can be in force");
            } else if let Some(then) = self.over.insert(grant.id, grant.ended) {
                assert!(then.is_none() || then == grant.ended, "an end is rewritten");
            }
        }
    }

    /// Everything that can be wanted gets the answer of the naive table.
    pub(super) fn check_table(&self) {
        for cluster in self.clusters() {
            let facts = self.facts(cluster.id);
            for wanted in Self::everything_to_want(cluster) {
                let thing = oracle::thing(&facts, &wanted).map(|(_, since)| since).filter(|_| !cluster.removed);
                let born = self.born(cluster, &wanted).filter(|_| !cluster.removed);
                assert_eq!(thing, born, "the revision of {wanted:?}");
                for asker in [Asker::Active, Asker::Disabled, Asker::KeyRemoved] {
                    let at = self.now.at;
                    let said = oracle::says(&facts, asker, &wanted, at, at).filter(|_| self.now.doubt.is_none());
                    let decided = decide(&facts, asker, wanted.clone(), self.now).ok();
                    assert_eq!(decided.map(|permit| (permit.basis(), permit.until())), said, "{wanted:?}");
                }
            }
        }
    }

    /// Decides again for every live session, as the gateway does, and compares with what a naive reader expects.
    pub(super) fn settle(&mut self) {
        for mut session in std::mem::take(&mut self.sessions) {
            let (facts, asker) = (self.facts(session.cluster), self.employees[session.employee]);
            let now = self.now.at;
            let expected = self.expected(&session, &facts);
            match (again(&facts, asker, &session.permit, session.opened_at, now), expected) {
                (Verdict::Cut(end), Err(ends)) => {
                    assert!(ends.contains(&end), "ended as {end}, expected {ends:?}");
                    *self.cut.entry(end).or_default() += 1;
                    continue;
                }
                (Verdict::Unchanged(next), Ok((basis, until))) => {
                    assert_eq!((next.basis(), next.until()), (basis, until));
                    assert_eq!(session.permit.basis(), basis);
                    session.permit = next;
                }
                (Verdict::Continued(next), Ok((basis, until))) => {
                    assert_eq!((next.basis(), next.until()), (basis, until));
                    assert_ne!(session.permit.basis(), basis);
                    self.continued += 1;
                    session.permit = next;
                }
                (verdict, expected) => panic!("{verdict:?}, expected {expected:?}"),
            }
            assert!(!session.doomed, "a revoke cuts");
            assert!(session.permit.until() > now);
            session.on = granted(&session.permit);
            // In doubt the lease runs out.
            if self.now.doubt.is_none() {
                self.sessions.push(session);
            }
        }
    }

    /// The basis that the session goes on with, or the ends that it may have.
    pub(super) fn expected(&self, session: &Session, facts: &Facts) -> Result<(Basis, Timestamp), Vec<SessionEnd>> {
        let (now, asker, wanted) = (self.now.at, self.employees[session.employee], session.permit.wanted());
        let held = granted(&session.permit).map(|id| facts.grants.iter().position(|grant| grant.id == id));
        let since = match held {
            None => &[],
            Some(None) => return Err(vec![SessionEnd::Expired]),
            Some(Some(place)) => &facts.grants[place..],
        };
        if since.iter().any(|grant| matches!(grant.ended, Some((_, GrantEnd::Revoked)))) {
            return Err(vec![SessionEnd::Revoked]);
        }
        let mut ends = vec![];
        match asker {
            Asker::Active => {}
            Asker::Disabled => return Err(vec![SessionEnd::EmployeeDisabled]),
            Asker::KeyRemoved => return Err(vec![SessionEnd::KeyRemoved]),
        }
        if facts.cluster.removed {
            return Err(vec![SessionEnd::ClusterRemoved]);
        }
        if self.born(&facts.cluster, wanted) != Some(session.born) {
            ends.push(SessionEnd::NodeChanged);
        }
        match since.first() {
            Some(grant) if grant.ended.is_none() && grant.expires_at <= now => ends.push(SessionEnd::Expired),
            Some(Grant { ended: Some((_, GrantEnd::Replaced)), .. }) => ends.push(SessionEnd::Replaced),
            Some(Grant { ended: Some((_, GrantEnd::ClockReset)), .. }) => ends.push(SessionEnd::ClockDoubt),
            Some(_) => {}
            None if facts.blocked => ends.push(SessionEnd::Blocked),
            None => ends.push(SessionEnd::StandingLimit),
        }
        match oracle::says(facts, asker, wanted, session.opened_at, now) {
            Some((basis, until)) if self.born(&facts.cluster, wanted) == Some(session.born) && until > now => {
                Ok((basis, until))
            }
            // A node that lost its check, and a block with a narrower grant, end as what they are.
            None if facts.blocked => {
                ends.extend([SessionEnd::NodeChanged, SessionEnd::Blocked, SessionEnd::Replaced]);
                Err(ends)
            }
            _ => Err(ends),
        }
    }
}
