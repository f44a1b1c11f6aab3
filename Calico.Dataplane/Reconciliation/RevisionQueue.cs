using Calico.Dataplane.Translation;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Revisions of which something may wait, by the commit of the table: one is in force when what it takes out of sets is out, a
/// grace period after its commit.</summary>
internal sealed class RevisionQueue
{
    private readonly Queue<(long Commit, long Revision)> _committed = [];

    /// <summary>The newest revision that is wholly in force.</summary>
    /// <param name="ruleset">The table, just committed.</param>
    /// <param name="revision">What was committed.</param>
    /// <param name="former">What was in force before.</param>
    public long InForce(Ruleset ruleset, long revision, long former)
    {
        if (!ruleset.HoldsBack)
        {
            _committed.Clear();
            return revision;
        }

        _committed.Enqueue((ruleset.Commits, revision));
        while (_committed.TryPeek(out var oldest) && oldest.Commit <= ruleset.GraceOver)
        {
            former = _committed.Dequeue().Revision;
        }

        return former;
    }
}
