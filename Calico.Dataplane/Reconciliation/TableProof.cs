using System.Collections.Immutable;
using Calico.Dataplane.Translation;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Up to which revision of the store the kernel's table is known to enforce everything.</summary>
internal sealed class TableProof
{
    private readonly RevisionQueue _revisions = new();
    private string? _refused;
    private bool _isReconciled;

    /// <summary>The revision; 0: none yet.</summary>
    public long Revision { get; private set; }

    /// <summary>What the latest turn came to.</summary>
    /// <param name="refused">Why the kernel may not hold the table; null: it does.</param>
    /// <param name="isReconciled">The store has been read to its end once, and the table follows from it.</param>
    /// <param name="ruleset">The table, just committed.</param>
    /// <param name="revision">What was committed.</param>
    /// <returns>Whether the table holds what it should.</returns>
    public bool Note(string? refused, bool isReconciled, Ruleset ruleset, long revision)
    {
        (_refused, _isReconciled) = (refused, isReconciled);
        var isHeld = refused is null && isReconciled;
        Revision = isHeld ? _revisions.InForce(ruleset, revision, Revision) : Revision;
        return isHeld;
    }

    /// <summary>What is known of the rules at an interface.</summary>
    public EnforcedProgram Of(ImmutableArray<string> lines) => new(_isReconciled, Revision, _refused ?? "", lines);
}
