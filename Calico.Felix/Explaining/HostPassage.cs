using Calico.Felix.Output;

namespace Calico.Felix.Explaining;

/// <summary>A host, and the interface through which packets pass it.</summary>
/// <param name="Policy">What judges the host.</param>
/// <param name="InterfaceName">Of the interface; empty: it is not known, and no host endpoint judges it.</param>
public sealed record HostPassage(HostPolicy Policy, string InterfaceName)
{
    /// <summary>The host endpoint of that interface with its programs; null: none judges it.</summary>
    public HostInterfaceUpdate? Judged => InterfaceName.Length == 0 ? null : Policy.On(InterfaceName);
}
