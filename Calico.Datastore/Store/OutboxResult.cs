namespace Calico.Datastore.Store;

/// <summary>What became of an entry.</summary>
public enum OutboxOutcome
{
    /// <summary>The store has it.</summary>
    Written,

    /// <summary>Its guard did not allow it: what stands, stays.</summary>
    Left,

    /// <summary>The store did not answer in time. Of a write it is then unknown whether it took.</summary>
    Unanswered,

    /// <summary>As <see cref="Unanswered"/>, and it is in the node log: sent later.</summary>
    Journalled,

    /// <summary>No store would take it; it is not tried again.</summary>
    Refused,
}

/// <summary>What became of an entry, and what is known of its key.</summary>
/// <param name="Outcome">What.</param>
/// <param name="Standing">When it was left: what stands instead; null: nothing.</param>
/// <param name="Revision">The store's, when it said so; 0: it did not.</param>
/// <param name="Reason">When it was not answered or refused: why.</param>
public sealed record OutboxResult(OutboxOutcome Outcome, KeyValue? Standing = null, long Revision = 0, string Reason = "");
