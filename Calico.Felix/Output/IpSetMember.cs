using Calico.Datastore.Addresses;

namespace Calico.Felix.Output;

/// <summary>A member of an IP set. <paramref name="Protocol"/> and <paramref name="Port"/> are 0 in a set of addresses.</summary>
public readonly record struct IpSetMember(Cidr Address, byte Protocol = 0, ushort Port = 0) : IComparable<IpSetMember>
{
    public int CompareTo(IpSetMember other) => Address != other.Address ? Address.CompareTo(other.Address)
        : Protocol != other.Protocol ? Protocol.CompareTo(other.Protocol)
        : Port.CompareTo(other.Port);

    public static bool operator <(IpSetMember left, IpSetMember right) => left.CompareTo(right) < 0;

    public static bool operator >(IpSetMember left, IpSetMember right) => left.CompareTo(right) > 0;

    public static bool operator <=(IpSetMember left, IpSetMember right) => left.CompareTo(right) <= 0;

    public static bool operator >=(IpSetMember left, IpSetMember right) => left.CompareTo(right) >= 0;

    public override string ToString() => Port == 0 ? Address.ToShortString() : $"{Address.ToShortString()},{Protocol},{Port}";
}
