using Calico.Datastore.Sync;
using Calico.Felix.Rules;

namespace Calico.Felix.Explaining;

/// <summary>What judges an endpoint's traffic, under two policies.</summary>
internal sealed record GroupPrograms(PolicyProgram IngressBefore, PolicyProgram EgressBefore, PolicyProgram IngressAfter,
    PolicyProgram EgressAfter)
{
    /// <summary>The same for endpoints that are judged alike.</summary>
    public string Identity { get; } =
        string.Join("\n\n", new[] { IngressBefore, EgressBefore, IngressAfter, EgressAfter }.Select(program => program.Identity));

    /// <param name="endpoint">Null: none, and nobody judges.</param>
    /// <param name="before">One policy.</param>
    /// <param name="after">The other.</param>
    public static GroupPrograms? Of(ResourceKey? endpoint, ClusterPolicy before, ClusterPolicy after) => endpoint is not { } key ? null
        : new(before.ProgramOf(key, PolicyDirection.Ingress)!, before.ProgramOf(key, PolicyDirection.Egress)!,
        after.ProgramOf(key, PolicyDirection.Ingress)!, after.ProgramOf(key, PolicyDirection.Egress)!);
}
