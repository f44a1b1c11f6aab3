using System.Collections.Immutable;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;

namespace Calico.Dataplane;

/// <summary>What the kernel must have for our rules, and what is lost without it; asked when it refused them.</summary>
/// <remarks>A kernel without an expression answers ENOENT, as it does for a chain that is not there, and names neither. So each is asked
/// for alone, in a transaction that is examined and not committed.</remarks>
internal static class KernelNeeds
{
    private static readonly NftRegister Word = NftRegister.Word(0);

    public static readonly ImmutableArray<(NftExpression Expression, string Option, string Purpose)> Expressions =
    [
        (Fib.ReversePath(Word), "CONFIG_NFT_FIB_INET (nft_fib_inet)", "workloads could send with anybody's address"),
        (Connection.Load(ConntrackKey.State, Word), "CONFIG_NFT_CT (nft_ct)", "answers could not be told from questions"),
        (Meta.Load(MetaKey.Mark, Word), "CONFIG_NF_TABLES_INET", "nothing can be dispatched by interface"),
    ];

    /// <summary>Whether it has what tells of dropped packets. Without it they are counted, and nothing else changes.</summary>
    public static bool CanTell(ushort group)
    {
        using var socket = NftSocket.Open();
        const string Purpose = "dropped packets are counted and not shown";
        return FindMissing(socket,
        [
            (new Limit(1, TimeSpan.FromSeconds(1), 1), "CONFIG_NFT_LIMIT (nft_limit)", Purpose),
            (new Log("calico", group), "CONFIG_NFT_LOG (nft_log)", Purpose),
        ]).IsEmpty;
    }

    /// <summary>Why no port can be published; null: the kernel can.</summary>
    public static string? FindMissingNat(INftables socket)
    {
        (NftHook, NftExpression, string)[] needs =
        [
            (NftHook.Prerouting, Nat.Destination(NftFamily.IPv4, Word), "CONFIG_NFT_NAT (nft_nat, nft_chain_nat)"),
            (NftHook.Postrouting, new Masquerade(), "CONFIG_NFT_MASQ (nft_masq)"),
            (NftHook.Output, new Fib(FibInput.Destination, FibResult.AddressType, Word), "CONFIG_NFT_FIB_INET (nft_fib_inet)"),
        ];
        foreach (var (hook, expression, option) in needs)
        {
            if (!Takes(socket, NftChainType.Nat, hook, new Immediate(Word, NftValue.BigEndian(0u)), expression))
            {
                return $"this kernel has no nftables expression '{expression.Name}' in a nat chain of family inet, {option}; "
                    + "without it no port can be published";
            }
        }

        return null;
    }

    /// <summary>Those that the kernel has not, in words; empty: all are there.</summary>
    public static ImmutableArray<string> FindMissing(INftables socket,
        ImmutableArray<(NftExpression Expression, string Option, string Purpose)> needs)
    {
        var missing = ImmutableArray.CreateBuilder<string>();
        foreach (var (expression, option, purpose) in needs)
        {
            if (!Takes(socket, NftChainType.Filter, NftHook.Prerouting, expression))
            {
                missing.Add($"this kernel has no nftables expression '{expression.Name}', {option}; without it {purpose}, so nothing is "
                    + "enforced and no workload is connected");
            }
        }

        return missing.ToImmutable();
    }

    private static bool Takes(INftables socket, NftChainType type, NftHook hook, params ReadOnlySpan<NftExpression> expressions)
    {
        var table = new NftTable(NftFamily.Inet, "calico-asks");
        using var batch = new NftBatch();
        batch.AddTable(table);
        batch.AddBaseChain(table, "asks", type, hook, 0);
        batch.AddRule(table, "asks", expressions);
        try
        {
            socket.Check(batch);
            return true;
        }
        catch (NetlinkException e) when (e.Errno is Errno.NoEntry or Errno.NotSupported)
        {
            return false;
        }
    }
}
