using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Rewrites the source or destination of a new connection; only in a chain of type nat.</summary>
public sealed record Nat : NftExpression
{
    private const ushort NFTA_NAT_TYPE = 1;
    private const ushort NFTA_NAT_FAMILY = 2;
    private const ushort NFTA_NAT_REG_ADDR_MIN = 3;
    private const ushort NFTA_NAT_REG_PROTO_MIN = 5;
    private const ushort NFTA_NAT_FLAGS = 7;
    private const uint NFT_NAT_SNAT = 0;
    private const uint NFT_NAT_DNAT = 1;

    private Nat(bool destination, NftFamily family, NftRegister? address, NftRegister? port, NatFlags flags)
    {
        IsDestination = destination;
        Family = family;
        Address = address;
        Port = port;
        Flags = flags;
    }

    public override string Name => "nat";

    public bool IsDestination { get; }

    /// <summary>Of the address: IPv4 or IPv6. In an inet chain the rule must have checked the packet's family.</summary>
    public NftFamily Family { get; }

    public NftRegister? Address { get; }

    /// <summary>Register of the port, 2 bytes big-endian; null keeps it.</summary>
    public NftRegister? Port { get; }

    public NatFlags Flags { get; }

    public static Nat Destination(NftFamily family, NftRegister? address, NftRegister? port = null, NatFlags flags = NatFlags.None) =>
        new(destination: true, family, address, port, flags);

    public static Nat Source(NftFamily family, NftRegister? address, NftRegister? port = null, NatFlags flags = NatFlags.None) =>
        new(destination: false, family, address, port, flags);

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_NAT_TYPE, IsDestination ? NFT_NAT_DNAT : NFT_NAT_SNAT);
        writer.WriteU32BigEndian(NFTA_NAT_FAMILY, (uint)Family);
        if (Address is { } address)
        {
            writer.WriteU32BigEndian(NFTA_NAT_REG_ADDR_MIN, address.Number);
        }

        if (Port is { } port)
        {
            writer.WriteU32BigEndian(NFTA_NAT_REG_PROTO_MIN, port.Number);
        }

        if (Flags != NatFlags.None)
        {
            writer.WriteU32BigEndian(NFTA_NAT_FLAGS, (uint)Flags);
        }
    }
}
