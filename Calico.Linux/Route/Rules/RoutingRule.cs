using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

/// <summary>A rule of the routing policy database: which packets are looked up where.</summary>
public sealed record RoutingRule
{
    internal const ushort FRA_DST = 1;
    internal const ushort FRA_SRC = 2;
    internal const ushort FRA_IIFNAME = 3;
    internal const ushort FRA_PRIORITY = 6;
    internal const ushort FRA_FWMARK = 10;
    internal const ushort FRA_TABLE = 15;
    internal const ushort FRA_FWMASK = 16;
    internal const ushort FRA_OIFNAME = 17;
    internal const ushort FRA_PROTOCOL = 21;
    internal const uint FIB_RULE_INVERT = 2;

    public required AddressFamily Family { get; init; }

    /// <summary>Lower first. Always give one: the kernel else takes the one below the lowest.</summary>
    public required uint Priority { get; init; }

    public RoutingRuleAction Action { get; init; } = RoutingRuleAction.Lookup;

    public uint Table { get; init; }

    /// <summary>Packet mark that must equal under <see cref="MarkMask"/>; null: any.</summary>
    public uint? Mark { get; init; }

    public uint MarkMask { get; init; } = uint.MaxValue;

    /// <summary>The rule applies to the packets that do not match.</summary>
    public bool Invert { get; init; }

    public IPNetwork? Source { get; init; }

    public IPNetwork? Destination { get; init; }

    public string? IncomingLink { get; init; }

    public string? OutgoingLink { get; init; }

    /// <summary>Who made it.</summary>
    public RouteProtocol Protocol { get; init; }

    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Priority}:");
        if (Invert)
        {
            text.Append(" not");
        }

        text.Append(" from ").Append(Source is { } source ? source.ToString() : "all");
        if (Destination is { } destination)
        {
            text.Append(" to ").Append(destination);
        }

        if (Mark is { } mark)
        {
            text.Append(CultureInfo.InvariantCulture, $" fwmark 0x{mark:x}/0x{MarkMask:x}");
        }

        if (IncomingLink is not null)
        {
            text.Append(" iif ").Append(IncomingLink);
        }

        if (OutgoingLink is not null)
        {
            text.Append(" oif ").Append(OutgoingLink);
        }

        text.Append(CultureInfo.InvariantCulture, $" {Action.ToString().ToLowerInvariant()} {Table}");
        return text.ToString();
    }

    internal static RoutingRule Read(in NetlinkMessage message)
    {
        var header = message.ReadStruct<RuleHeader>();
        uint priority = 0, table = header.Table, mask = uint.MaxValue;
        uint? mark = null;
        IPAddress? source = null, destination = null;
        string? incoming = null, outgoing = null;
        byte protocol = 0;
        var attributes = message.Attributes<RuleHeader>();
        while (attributes.TryRead(out var a))
        {
            switch (a.Type)
            {
                case FRA_PRIORITY: priority = a.U32; break;
                case FRA_TABLE: table = a.U32; break;
                case FRA_FWMARK: mark = a.U32; break;
                case FRA_FWMASK: mask = a.U32; break;
                case FRA_SRC: source = a.Address; break;
                case FRA_DST: destination = a.Address; break;
                case FRA_IIFNAME: incoming = a.Text; break;
                case FRA_OIFNAME: outgoing = a.Text; break;
                case FRA_PROTOCOL: protocol = a.U8; break;
            }
        }

        return new RoutingRule
        {
            Family = header.Family == RouteMessages.AF_INET6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork,
            Priority = priority, Action = (RoutingRuleAction)header.Action, Table = table,

            // The kernel reports the mask alone when the mark is 0.
            Mark = mark ?? (mask != uint.MaxValue ? 0u : null), MarkMask = mask,
            Invert = (header.Flags & FIB_RULE_INVERT) != 0,
            Source = source is null ? null : new IPNetwork(source, header.SourceLength),
            Destination = destination is null ? null : new IPNetwork(destination, header.DestinationLength),
            IncomingLink = incoming, OutgoingLink = outgoing, Protocol = new RouteProtocol(protocol),
        };
    }
}
