using System.Collections.Immutable;
using Calico.Dataplane.Translation;
using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Linux.Nftables;

namespace Calico.Dataplane;

/// <content>What it tells others.</content>
internal sealed partial class Enforcement
{
    private void Answer()
    {
        foreach (var withdraw in _withdrawing)
        {
            withdraw.Done.TrySetResult();
        }

        _withdrawing.Clear();
        if (!_isReconciled)
        {
            return;
        }

        var ruleset = _kernel.Table.Policy.Ruleset;
        foreach (var publish in _publishing.ToList())
        {
            publish.Commit ??= ruleset.Commits;
            if (publish.Commit > ruleset.GraceOver
                && publish.Endpoint.Addresses.Any(a => ruleset.HoldsBackOf(NftValue.Address(Cidr.From(a).FirstAddress()))))
            {
                // A set still has it for its former owner, or has it not yet: answered when the grace period is over.
                continue;
            }
            // Null: withdrawn or superseded meanwhile.
            publish.Done.TrySetResult(_kernel.Table.Policy.Find(publish.Endpoint.Id)?.Gate switch
            {
                EndpointGate.Open => EndpointState.Enforced,
                EndpointGate.NotLabelled => EndpointState.Closed,
                _ => EndpointState.Gone,
            });
            _publishing.Remove(publish);
        }
    }

    /// <summary>Addresses of the endpoints that are enforced.</summary>
    public ImmutableArray<Cidr> ListAddresses() => [.. _kernel.Table.Policy.Updates.SelectMany(e => e.Addresses.Items)];

    /// <summary>What was dropped and what each rule met, from one list of the kernel's.</summary>
    public CounterReport ReadCounters() => CounterReport.Of(_kernel.Table.ListCounters(), _kernel.Table.Policy.CountedRules);

    /// <summary>This node's host endpoints, each with what has become of it.</summary>
    public ImmutableArray<HostEndpointState> ListHostEndpoints()
    {
        var interfaces = _kernel.Table.Policy.HostInterfaces.ToLookup(i => i.HostEndpoint, i => i.InterfaceName, StringComparer.Ordinal);
        return [.. _graph.HostEndpointNames.Select(name => new HostEndpointState(name, _kernel.Interfaces?.AreUp(interfaces[name])))];
    }

    /// <summary>The turn that this is asked in reads the kernel, compares it with what it should hold, and mends what differs.</summary>
    public bool LookAgain()
    {
        DoubtAll();
        return true;
    }

    /// <summary>What judges an interface, and whether the kernel is known to hold it.</summary>
    public EnforcedProgram Prove(string interfaceName) => _proof.Of(_kernel.Table.Policy.Describe(interfaceName));

    /// <summary>The host's interfaces that are no workload's, with their addresses.</summary>
    public ImmutableArray<(string Name, ImmutableArray<Cidr> Addresses)> ListInterfaces() => [.. _graph.Interfaces];

    /// <summary>What is enforced for an endpoint: state, lists, rules and where each comes from.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: nothing is.</exception>
    public string Describe(WorkloadEndpointId id)
    {
        var endpoint = _kernel.Table.Policy.Find(id) ?? throw new CalicoException(Problem.NotFound, $"nothing is enforced for {id}");
        var head = $"{id} {endpoint.InterfaceName} {(endpoint.Gate == EndpointGate.Open ? "enforced" : "not enforced")}";
        return string.Concat(EnforcedText.Of(endpoint, _kernel.Table.Policy.FindList).Prepend(head).Select(line => line + "\n"));
    }

    /// <summary>A gate that closes leaves established connections to the rules, which accept them; one that opens lets a policy in that
    /// they were not judged by.</summary>
    private void NoteGate(DataplaneUpdate update) =>
        _gap.Note(update is EndpointUpdate next && _kernel.Table.Policy.Find(next.Id) is { } former && former.Gate != next.Gate);

    /// <summary>Of the table, or of what is beside it: forwarding, gateways, published ports.</summary>
    private void Report(string? refused, string? beside = null)
    {
        var now = _status.Current;
        var isWell = _proof.Note(refused, _isReconciled, _kernel.Table.Policy.Ruleset, _graph.Revision) && beside is null;
        _status.Say(now with
        {
            InSync = isWell,
            EnforcedRevision = isWell ? _proof.Revision : now.EnforcedRevision,
            ConfirmedAt = isWell ? _confirmedAt : now.ConfirmedAt,
            LastError = refused ?? beside,
            Endpoints = _isReconciled ? _kernel.Table.Policy.Endpoints.Count : 0,
        });
    }

    /// <summary>Nobody will answer any more.</summary>
    public void Abandon() => LoopRequest.Abandon(_publishing.Concat<LoopRequest>(_withdrawing));
}
