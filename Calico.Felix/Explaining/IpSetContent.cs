using System.Collections.Immutable;
using Calico.Felix.Output;

namespace Calico.Felix.Explaining;

/// <summary>Members of an IP set, to be asked often.</summary>
internal sealed class IpSetContent(IpSetUpdate set)
{
    private readonly HashSet<IpSetMember> _members = [.. set.Added];
    private readonly ImmutableArray<IpSetMember> _ranges = [.. set.Added.Items.Where(member => !member.Address.IsHost)];

    public IReadOnlySet<IpSetMember> Members => _members;

    /// <summary>Members that are more than one address.</summary>
    public ImmutableArray<IpSetMember> Ranges => _ranges;

    /// <summary>Whether it holds a member, or an address that is in one of its ranges.</summary>
    public bool Has(IpSetMember member) => _members.Contains(member)
        || (set.Type != IpSetType.HostPorts && _ranges.Any(range => range.Address.Contains(member.Address)));
}
