using Calico.Linux.Netlink;

namespace Calico.Linux.Route;

public sealed partial class RouteBatch
{
    /// <summary>Adds a routing rule. <see cref="Errno.Exists"/>: the very same one is there.</summary>
    public void AddRule(RoutingRule rule) =>
        WriteRule(RouteMessages.RTM_NEWRULE, NetlinkFlags.Create | NetlinkFlags.Exclusive, "add", rule);

    /// <summary>Deletes a routing rule. <see cref="Errno.NoEntry"/>: it is not there.</summary>
    public void DeleteRule(RoutingRule rule) => WriteRule(RouteMessages.RTM_DELRULE, NetlinkFlags.None, "delete", rule);

    private void WriteRule(ushort type, NetlinkFlags flags, string verb, RoutingRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        Begin(type, flags, $"{verb} rule {rule}");
        _writer.WriteStruct(new RuleHeader
        {
            Family = RouteMessages.FamilyOf(rule.Family),
            SourceLength = (byte)(rule.Source?.PrefixLength ?? 0),
            DestinationLength = (byte)(rule.Destination?.PrefixLength ?? 0),
            Table = (byte)(rule.Table <= byte.MaxValue ? rule.Table : 0),
            Action = (byte)rule.Action,
            Flags = rule.Invert ? RoutingRule.FIB_RULE_INVERT : 0,
        });
        _writer.WriteU32(RoutingRule.FRA_PRIORITY, rule.Priority);
        _writer.WriteU32(RoutingRule.FRA_TABLE, rule.Table);
        if (rule.Source is { } source)
        {
            _writer.WriteAddress(RoutingRule.FRA_SRC, source.BaseAddress);
        }

        if (rule.Destination is { } destination)
        {
            _writer.WriteAddress(RoutingRule.FRA_DST, destination.BaseAddress);
        }

        if (rule.Mark is { } mark)
        {
            _writer.WriteU32(RoutingRule.FRA_FWMARK, mark);
            _writer.WriteU32(RoutingRule.FRA_FWMASK, rule.MarkMask);
        }

        if (rule.IncomingLink is { } incoming)
        {
            _writer.WriteString(RoutingRule.FRA_IIFNAME, incoming);
        }

        if (rule.OutgoingLink is { } outgoing)
        {
            _writer.WriteString(RoutingRule.FRA_OIFNAME, outgoing);
        }

        if (rule.Protocol.Number != 0)
        {
            _writer.WriteU8(RoutingRule.FRA_PROTOCOL, rule.Protocol.Number);
        }

        End();
    }
}
