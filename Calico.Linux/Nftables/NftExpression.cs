using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>One step of a rule. A step that does not match ends the rule ("break") and the next rule is tried.</summary>
/// <remarks>One that is missing here can be added outside: derive, name it, write its attributes. Values in registers are in network byte
/// order except marks, interface indexes and conntrack words, which are native.</remarks>
public abstract record NftExpression
{
    /// <summary>The kernel's name of the expression.</summary>
    public abstract string Name { get; }

    /// <summary>Writes the content of NFTA_EXPR_DATA.</summary>
    protected abstract void WriteContent(NetlinkWriter writer);

    /// <summary>Writes the expression as an element of a rule's list.</summary>
    internal void Write(NetlinkWriter writer)
    {
        var element = writer.BeginNested(NftMessages.NFTA_LIST_ELEM);
        writer.WriteString(NftMessages.NFTA_EXPR_NAME, Name);
        var content = writer.BeginNested(NftMessages.NFTA_EXPR_DATA);
        WriteContent(writer);
        writer.EndNested(content);
        writer.EndNested(element);
    }
}
