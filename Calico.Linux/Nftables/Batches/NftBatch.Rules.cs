using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

public sealed partial class NftBatch
{
    /// <summary>Adds a rule at the end of a chain.</summary>
    public void AddRule(NftTable table, string chain, NftRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        WriteRule("add", NetlinkFlags.Create | NetlinkFlags.Append, table, chain, rule.Expressions.AsSpan(), rule.Comment);
    }

    /// <summary>Adds a rule without a comment at the end of a chain.</summary>
    public void AddRule(NftTable table, string chain, params ReadOnlySpan<NftExpression> expressions) =>
        WriteRule("add", NetlinkFlags.Create | NetlinkFlags.Append, table, chain, expressions, null);

    /// <summary>Adds a rule after the one with this handle.</summary>
    public void AddRuleAfter(NftTable table, string chain, ulong handle, NftRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        WriteRule("add", NetlinkFlags.Create | NetlinkFlags.Append, table, chain, rule.Expressions.AsSpan(), rule.Comment,
            NftMessages.NFTA_RULE_POSITION, handle);
    }

    /// <summary>Adds a rule at the start of a chain, or before the one with this handle.</summary>
    public void InsertRule(NftTable table, string chain, NftRule rule, ulong? beforeHandle = null)
    {
        ArgumentNullException.ThrowIfNull(rule);
        WriteRule("insert", NetlinkFlags.Create, table, chain, rule.Expressions.AsSpan(), rule.Comment,
            NftMessages.NFTA_RULE_POSITION, beforeHandle);
    }

    /// <summary>Puts a rule in the place of another.</summary>
    public void ReplaceRule(NftTable table, string chain, ulong handle, NftRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        WriteRule("replace", NetlinkFlags.Replace, table, chain, rule.Expressions.AsSpan(), rule.Comment,
            NftMessages.NFTA_RULE_HANDLE, handle);
    }

    /// <summary>Deletes one rule. <see cref="Errno.NoEntry"/>: it is not there.</summary>
    public void DeleteRule(NftTable table, string chain, ulong handle)
    {
        BeginRule(NftMessages.NFT_MSG_DELRULE, NetlinkFlags.None, "delete", table, chain, HandleText(handle));
        _writer.WriteU64BigEndian(NftMessages.NFTA_RULE_HANDLE, handle);
        End();
    }

    /// <summary>Deletes every rule of a chain.</summary>
    public void FlushChain(NftTable table, string chain)
    {
        BeginRule(NftMessages.NFT_MSG_DELRULE, NetlinkFlags.None, "flush every", table, chain, "");
        End();
    }

    private void BeginRule(ushort message, NetlinkFlags flags, string verb, NftTable table, string chain, string detail)
    {
        Begin(message, flags, new NftRequest(verb, NftObjectKind.Rule, table, chain, detail));
        _writer.WriteString(NftMessages.NFTA_RULE_TABLE, table.Name);
        _writer.WriteString(NftMessages.NFTA_RULE_CHAIN, chain);
    }

    private void WriteRule(string verb, NetlinkFlags flags, NftTable table, string chain, ReadOnlySpan<NftExpression> expressions,
        string? comment, ushort handleType = 0, ulong? handle = null)
    {
        BeginRule(NftMessages.NFT_MSG_NEWRULE, flags, verb, table, chain,
            comment ?? (handle is { } at ? HandleText(at) : ""));
        try
        {
            var list = _writer.BeginNested(NftMessages.NFTA_RULE_EXPRESSIONS);
            foreach (var expression in expressions)
            {
                expression.Write(_writer);
            }

            _writer.EndNested(list);
            if (handle is { } number)
            {
                _writer.WriteU64BigEndian(handleType, number);
            }

            if (comment is not null)
            {
                NftRule.WriteComment(_writer, comment);
            }
        }
        catch
        {
            Abandon();
            throw;
        }

        End();
    }
}
