using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;

namespace Calico;

/// <summary>What an endpoint got.</summary>
/// <param name="Id">Which endpoint.</param>
/// <param name="Instance">Which life of it.</param>
/// <param name="HostInterface"><c>cali…</c>.</param>
/// <param name="PeerInterface">The workload's interface.</param>
/// <param name="Mac">The workload's MAC.</param>
/// <param name="Mtu">Bytes.</param>
/// <param name="Addresses">/32 and /128, IPv4 first.</param>
/// <param name="Gateway4">Link-local gateway, or null without IPv4.</param>
/// <param name="Gateway6">The host side's link-local address, or null without IPv6.</param>
/// <param name="Routes">Routes in the namespace.</param>
/// <param name="State">Where it is in its life.</param>
/// <param name="Reason">Why it is not enforced; empty otherwise.</param>
public sealed record Attachment(WorkloadEndpointId Id, string Instance, string HostInterface, string PeerInterface,
    PhysicalAddress Mac, int Mtu, ImmutableArray<IPNetwork> Addresses, IPAddress? Gateway4, IPAddress? Gateway6,
    ImmutableArray<Route> Routes, EndpointState State, string Reason)
{
    /// <summary>The endpoint's profiles, most important first. An adapter that adds one needs to know the others, because
    /// <see cref="EndpointChange.Profiles"/> replaces them all.</summary>
    public ImmutableArray<string> Profiles { get; init; } = [];

    /// <summary>The orchestrator's name of its network, as <see cref="EndpointSpec.Network"/> said it.</summary>
    public string Network { get; init; } = "";
}
