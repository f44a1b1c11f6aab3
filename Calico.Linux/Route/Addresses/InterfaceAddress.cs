using System.Net;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>An address on a link.</summary>
public sealed record InterfaceAddress
{
    internal const ushort IFA_ADDRESS = 1;
    internal const ushort IFA_LOCAL = 2;
    internal const ushort IFA_FLAGS = 8;
    internal const uint IFA_F_NODAD = 0x02;
    internal const uint IFA_F_NOPREFIXROUTE = 0x200;
    private const uint IFA_F_TENTATIVE = 0x40;

    public required int LinkIndex { get; init; }

    public required IPAddress Address { get; init; }

    public required int PrefixLength { get; init; }

    public RouteScope Scope { get; init; }

    /// <summary>IPv6: usable at once, without asking the link for a second owner (IFA_F_NODAD).</summary>
    public bool SkipDuplicateDetection { get; init; }

    /// <summary>The kernel makes no route for the prefix (IFA_F_NOPREFIXROUTE).</summary>
    public bool NoPrefixRoute { get; init; }

    /// <summary>Read only: duplicate detection still runs.</summary>
    public bool IsTentative { get; init; }

    public override string ToString() => $"{Address}/{PrefixLength} dev {LinkIndex}";

    internal static InterfaceAddress Read(in NetlinkMessage message)
    {
        var header = message.ReadStruct<AddressHeader>();
        IPAddress? address = null, local = null;
        uint flags = header.Flags;
        var attributes = message.Attributes<AddressHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case IFA_ADDRESS: address = a.Address; break;
                case IFA_LOCAL: local = a.Address; break;
                case IFA_FLAGS: flags = a.U32; break;
            }
        }

        return new InterfaceAddress
        {
            // On a point-to-point link IFA_ADDRESS is the other end; IFA_LOCAL, where present, is always ours.
            LinkIndex = header.Index,
            Address = local ?? address ?? throw new NetlinkFormatException("an address message without an address"),
            PrefixLength = header.PrefixLength,
            Scope = (RouteScope)header.Scope,
            SkipDuplicateDetection = (flags & IFA_F_NODAD) != 0,
            NoPrefixRoute = (flags & IFA_F_NOPREFIXROUTE) != 0,
            IsTentative = (flags & IFA_F_TENTATIVE) != 0,
        };
    }
}
