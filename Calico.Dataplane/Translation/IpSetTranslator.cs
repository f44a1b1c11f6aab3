using Calico.Datastore.Addresses;
using Calico.Felix.Output;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>IP sets as sets of our table, one a family.</summary>
internal sealed class IpSetTranslator(Ruleset ruleset)
{
    private readonly Dictionary<string, IpSetType> _types = new(StringComparer.Ordinal);

    /// <summary>Members of the sets of ranges: what the kernel holds of them is only their cover.</summary>
    private readonly Dictionary<string, HashSet<Cidr>> _ranges = new(StringComparer.Ordinal);

    public IpSetType TypeOf(string id) => _types[id];

    /// <summary>Whether a set of ranges has members of each family.</summary>
    public (bool Ipv4, bool Ipv6) HasMembers(string id) => _ranges.TryGetValue(id, out var ranges)
        ? (ranges.Any(r => !r.IsIpv6), ranges.Any(r => r.IsIpv6))
        : (false, false);

    /// <summary>Whether a set holds an address, or address, protocol and port; of a set of ranges, whether one of them holds the address.</summary>
    public bool Contains(string id, IpSetMember member) => _types.TryGetValue(id, out var type) && (type == IpSetType.Nets
        ? _ranges.TryGetValue(id, out var ranges) && ranges.Any(r => r.Contains(member.Address))
        : ruleset.Sets[Names.IpSet(id, type, member.Address.IsIpv6)].Contains(Element(member)));

    public void Apply(IpSetUpdate update)
    {
        if (_types.TryAdd(update.Id, update.Type) || _types[update.Id] != update.Type)
        {
            _types[update.Id] = update.Type;
            _ranges.Remove(update.Id);
            ruleset.DefineSet(Definition(update.Id, update.Type, isIpv6: false));
            ruleset.DefineSet(Definition(update.Id, update.Type, isIpv6: true));
        }
        if (update.Type == IpSetType.Nets)
        {
            ApplyRanges(update);
            return;
        }
        foreach (var member in update.Removed)
        {
            ruleset.RemoveElement(Names.IpSet(update.Id, update.Type, member.Address.IsIpv6), Element(member));
        }
        foreach (var member in update.Added)
        {
            ruleset.AddElement(Names.IpSet(update.Id, update.Type, member.Address.IsIpv6), Element(member));
        }
    }

    public void Remove(string id)
    {
        if (_types.Remove(id, out var type))
        {
            _ranges.Remove(id);
            RemoveSets(id, type);
        }
    }

    /// <summary>Takes away what stood for the set when it was of another type.</summary>
    public void RemoveSets(string id, IpSetType formerType)
    {
        ruleset.RemoveSet(Names.IpSet(id, formerType, isIpv6: false));
        ruleset.RemoveSet(Names.IpSet(id, formerType, isIpv6: true));
    }

    /// <summary>Says how rules ask a set.</summary>
    public void SetAbsence(string id, bool asksAbsence)
    {
        if (_types.TryGetValue(id, out var type))
        {
            ruleset.Sets[Names.IpSet(id, type, isIpv6: false)].AsksAbsence = asksAbsence;
            ruleset.Sets[Names.IpSet(id, type, isIpv6: true)].AsksAbsence = asksAbsence;
        }
    }

    /// <summary>The type of a set that is there; null: it is not.</summary>
    public IpSetType? Find(string id) => _types.TryGetValue(id, out var type) ? type : null;

    private void ApplyRanges(IpSetUpdate update)
    {
        if (!_ranges.TryGetValue(update.Id, out var ranges))
        {
            _ranges.Add(update.Id, ranges = []);
        }
        ranges.ExceptWith(update.Removed.Items.Select(m => m.Address));
        ranges.UnionWith(update.Added.Items.Select(m => m.Address));
        foreach (var isIpv6 in new[] { false, true })
        {
            ruleset.ReplaceElements(Names.IpSet(update.Id, update.Type, isIpv6), DisjointRanges.Elements(ranges.Where(r => r.IsIpv6 == isIpv6)));
        }
    }

    private static NftSet Definition(string id, IpSetType type, bool isIpv6)
    {
        var (name, address) = (Names.IpSet(id, type, isIpv6), isIpv6 ? NftDataType.IPv6Address : NftDataType.IPv4Address);
        return type switch
        {
            IpSetType.HostPorts => NftSet.Of(name, address, NftDataType.Protocol, NftDataType.Service),
            IpSetType.Nets => NftSet.Of(name, address) with { Interval = true },
            _ => NftSet.Of(name, address),
        };
    }

    private static NftElement Element(IpSetMember member) => member.Port == 0
        ? NftElement.Of(NftValue.Address(member.Address.FirstAddress()))
        : NftElement.Of(NftValue.Concat(NftValue.Address(member.Address.FirstAddress()), NftValue.Byte(member.Protocol), NftValue.BigEndian(member.Port)));
}
