//! What gives an account a role in a repository, once for all statements: that it owns it, that
//! it belongs to the organisation or to one in which that lies, its teams, or the repository's
//! own list of collaborators. The highest counts.
//!
//! There are two forms of the same rule. [`in_named`] climbs from one repository to what it lies
//! in, which costs as much as it lies deep; [`reached`] goes down from the account once for a whole
//! list. A test compares the two over made-up worlds.

/// The rank of a role in SQL, from 0 of a member for whom that opens no repository, to 6 of an
/// owner.
pub fn rank(role: &str) -> String {
    format!(
        "CASE {role} WHEN 'read' THEN 1 WHEN 'triage' THEN 2 WHEN 'write' THEN 3 WHEN 'maintain' THEN 4 \
         WHEN 'admin' THEN 5 WHEN 'owner' THEN 6 ELSE 0 END"
    )
}

/// The organisations `above (id)` in which an organisation of `named (…, owner_id)` lies, itself
/// among them. For a statement that begins `WITH RECURSIVE`.
pub const ABOVE: &str = "above (id) AS (SELECT owner_id FROM named \
     UNION SELECT o.parent_id FROM organisations o JOIN above ON o.account_id = above.id \
     WHERE o.parent_id IS NOT NULL)";

/// The rank `standing (rank)` of the account `asked (account)` in the repository
/// `named (id, owner_id)`; none where nothing gives it one. For a statement that begins
/// `WITH RECURSIVE` and defines these two.
pub fn in_named() -> String {
    format!(
        "{ABOVE}, granted (rank) AS (\
         SELECT 5 FROM named JOIN asked ON named.owner_id = asked.account \
         UNION ALL SELECT {} FROM asked JOIN organisation_members m ON m.account_id = asked.account \
          JOIN above ON above.id = m.organisation_id \
         UNION ALL SELECT {} FROM asked JOIN team_members b ON b.account_id = asked.account \
          JOIN above ON above.id = b.organisation_id JOIN teams t ON t.id = b.team_id \
         UNION ALL SELECT {} FROM asked JOIN team_members b ON b.account_id = asked.account \
          JOIN team_repositories g ON g.team_id = b.team_id JOIN named ON named.id = g.repository_id \
         UNION ALL SELECT {} FROM asked JOIN named ON 1 = 1 \
          JOIN collaborators c ON c.repository_id = named.id AND c.account_id = asked.account), \
         standing (rank) AS (SELECT CAST(MAX(rank) AS BIGINT) FROM granted)",
        rank("m.role"),
        rank("t.role"),
        rank("g.role"),
        rank("c.role")
    )
}

/// The organisations `reached (id)` in whose repositories the account `asked (account)` has a role
/// by its membership or its teams. For a statement that begins `WITH RECURSIVE` and defines
/// `asked`.
pub fn reached() -> String {
    format!(
        "entered (id) AS (\
         SELECT m.organisation_id FROM asked JOIN organisation_members m ON m.account_id = asked.account \
         WHERE {} >= 1 \
         UNION SELECT t.organisation_id FROM asked JOIN team_members b ON b.account_id = asked.account \
         JOIN teams t ON t.id = b.team_id WHERE {} >= 1), \
         reached (id) AS (SELECT id FROM entered \
         UNION SELECT o.account_id FROM organisations o JOIN reached ON o.parent_id = reached.id)",
        rank("m.role"),
        rank("t.role")
    )
}

/// The condition that the account has a role in the repository `r`, in a statement with
/// [`reached`].
pub const IN_EACH: &str = "r.owner_id = (SELECT account FROM asked) \
     OR r.owner_id IN (SELECT id FROM reached) \
     OR r.id IN (SELECT c.repository_id FROM collaborators c JOIN asked ON c.account_id = asked.account) \
     OR r.id IN (SELECT g.repository_id FROM team_repositories g JOIN team_members b ON b.team_id = g.team_id \
     JOIN asked ON b.account_id = asked.account)";
