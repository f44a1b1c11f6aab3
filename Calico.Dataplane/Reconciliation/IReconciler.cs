using System.Collections.Immutable;
using Calico.Felix;
using Calico.Felix.Output;
using Calico.Linux.Route;

namespace Calico.Dataplane.Reconciliation;

/// <summary>One kind of kernel object that the loop keeps as it should be. A new kind is one of these and one line in
/// <see cref="KernelParts"/>; they are worked off in the order of that list.</summary>
/// <remarks>Called on the loop only. What it throws (<see cref="Linux.Netlink.NetlinkException"/>, IOException) is a refusal: the loop says
/// it, doubts everything, and tries again with growing pauses.</remarks>
internal interface IReconciler : IDisposable
{
    /// <summary>Whether it is right whatever policy says: committed at each turn, also before the store was read.</summary>
    bool IsPolicyFree { get; }

    /// <summary>Takes what policy makes of it; changes nothing in the kernel.</summary>
    void Apply(DataplaneUpdate update);

    /// <summary>An endpoint of this node, or its new state, before policy makes anything of it.</summary>
    void Tell(LocalEndpoint endpoint)
    {
    }

    /// <summary>The endpoint is this node's no more: what leads to it is out of the kernel with the next commit.</summary>
    void Forget(WorkloadEndpointId id)
    {
    }

    /// <summary>What stands may be worked on.</summary>
    /// <param name="isComplete">Every endpoint of this node has been told: whatever else stands is nobody's.</param>
    void Begin(bool isComplete)
    {
    }

    /// <summary>What the kernel holds is not known any more.</summary>
    void Doubt();

    /// <summary>Reads what is in doubt, before what is desired changes.</summary>
    void Read();

    /// <summary>Makes the difference in the kernel, after a comparison where there was a doubt.</summary>
    /// <param name="refusals">How many turns before this one failed in a row.</param>
    Reconciled Commit(int refusals);

    /// <summary>An endpoint goes before it is known what should be: takes away what a former process left of it.</summary>
    void Withdraw(LocalEndpoint endpoint);

    /// <summary>The kernel tells of links, addresses, routes or settings.</summary>
    /// <returns>What was put right at once.</returns>
    Reconciled Notice(RouteEvent change);
}

/// <summary>What a commit, or a look after a notice, found.</summary>
/// <param name="Healed">In words, what a stranger had changed and is undone.</param>
/// <param name="WasGap">For a while something was not enforced.</param>
internal readonly record struct Reconciled(ImmutableArray<string> Healed, bool WasGap)
{
    public static readonly Reconciled Nothing = new([], false);

    public static Reconciled Of(string? healed, bool wasGap = false) => healed is null ? Nothing : new([healed], wasGap);
}
