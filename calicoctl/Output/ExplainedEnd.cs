using Calico.Felix.Explaining;

namespace Calico.Cli.Output;

/// <summary>One end of an explained connection.</summary>
/// <param name="Name">What people call the endpoint or the host; empty: it is an address alone.</param>
/// <param name="Peer">Endpoint and address.</param>
internal sealed record ExplainedEnd(string Name, PolicyPeer Peer)
{
    public override string ToString() => Name.Length == 0 ? Peer.Address.ToShortString() : $"{Name} {Peer.Address.ToShortString()}";
}
