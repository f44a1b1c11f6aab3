using Calico.Dataplane.Translation;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Reconciliation;

/// <summary>The reconciler that enforces: our table, and what the loop has to know of it beyond the others.</summary>
internal interface IPolicyTable : IReconciler
{
    /// <summary>What policy is, as it is rendered.</summary>
    RulesetTranslator Policy { get; }

    /// <summary>Interfaces that the former process's table knows, as it was read; null: there is none, or it was compared already.
    /// </summary>
    IReadOnlySet<string>? FormerInterfaces { get; }

    /// <summary>Why a commit was refused, if the table is another process's alone; workloads are closed otherwise then. Null: it is not.
    /// </summary>
    string? CloseWhereOwned(Exception refusal);

    IEnumerable<NftCounterState> ListCounters();
}
