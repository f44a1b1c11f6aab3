using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

public sealed partial class NftBatch
{
    // uapi linux/netfilter.h
    private const uint NF_DROP = 0;
    private const uint NF_ACCEPT = 1;

    /// <summary>Adds a regular chain.</summary>
    public void AddChain(NftTable table, string name)
    {
        BeginChain(NftMessages.NFT_MSG_NEWCHAIN, NetlinkFlags.Create, "add", table, name);
        End();
    }

    /// <summary>Adds a base chain. On one that exists it can change the policy only.</summary>
    /// <param name="table">Its table.</param>
    /// <param name="name">Its name.</param>
    /// <param name="type">filter, nat or route.</param>
    /// <param name="hook">Where packets enter it.</param>
    /// <param name="priority">Lower first: raw -300, conntrack -200, mangle -150, dstnat -100, filter 0, srcnat 100.</param>
    /// <param name="policyDrop">Whether its end drops.</param>
    public void AddBaseChain(NftTable table, string name, NftChainType type, NftHook hook, int priority, bool policyDrop = false)
    {
        BeginChain(NftMessages.NFT_MSG_NEWCHAIN, NetlinkFlags.Create, "add", table, name);
        var hooked = _writer.BeginNested(NftMessages.NFTA_CHAIN_HOOK);
        _writer.WriteU32BigEndian(NftMessages.NFTA_HOOK_HOOKNUM, (uint)hook);
        _writer.WriteU32BigEndian(NftMessages.NFTA_HOOK_PRIORITY, (uint)priority);
        _writer.EndNested(hooked);
        _writer.WriteU32BigEndian(NftMessages.NFTA_CHAIN_POLICY, policyDrop ? NF_DROP : NF_ACCEPT);
        _writer.WriteString(NftMessages.NFTA_CHAIN_TYPE, type switch
        {
            NftChainType.Nat => "nat",
            NftChainType.Route => "route",
            _ => "filter",
        });
        End();
    }

    /// <summary>Deletes a chain with its rules. <see cref="Errno.Busy"/>: something jumps to it.</summary>
    public void DeleteChain(NftTable table, string name)
    {
        BeginChain(NftMessages.NFT_MSG_DELCHAIN, NetlinkFlags.None, "delete", table, name);
        End();
    }

    private void BeginChain(ushort message, NetlinkFlags flags, string verb, NftTable table, string name)
    {
        Begin(message, flags, new NftRequest(verb, NftObjectKind.Chain, table, name, ""));
        _writer.WriteString(NftMessages.NFTA_CHAIN_TABLE, table.Name);
        _writer.WriteString(NftMessages.NFTA_CHAIN_NAME, name);
    }
}
