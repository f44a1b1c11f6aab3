namespace Calico.Host.Health;

/// <summary>Packets alike that were dropped within a second, one of the answer to <c>GET /drops/recent</c>.</summary>
/// <param name="Number">Later ones have higher numbers.</param>
/// <param name="Time">Of the first.</param>
/// <param name="Packets">How many were told of; a flood is told of in part, the counters have all.</param>
/// <param name="Endpoint">Whose policy or check dropped them: the workload's own name, or its id; of the host: <c>host</c>.</param>
/// <param name="Interface">Of the endpoint; empty: it is gone.</param>
/// <param name="Direction">ingress or egress, seen from the endpoint.</param>
/// <param name="Peer">The other side's address.</param>
/// <param name="PeerName">Its name, where it is a workload of this node; empty otherwise.</param>
/// <param name="Protocol">By name, or its number.</param>
/// <param name="Port">That was asked for; 0: the protocol has none. Of ICMP the type.</param>
/// <param name="Reason">As it is counted; <c>staged</c>: they were not dropped, a staged policy would have.</param>
/// <param name="Policy">Which policy, profile or end of a tier; empty: none.</param>
/// <param name="Rule">Its rule, from 0; -1: the whole of it.</param>
internal sealed record DropReport(long Number, DateTimeOffset Time, int Packets, string Endpoint, string Interface, string Direction,
    string Peer,
    string PeerName, string Protocol, int Port, string Reason, string Policy, int Rule);
