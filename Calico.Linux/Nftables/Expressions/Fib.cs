using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Looks an address of the packet up in the routing tables.</summary>
public sealed record Fib(FibInput Input, FibResult Result, NftRegister Target) : NftExpression
{
    private const ushort NFTA_FIB_DREG = 1;
    private const ushort NFTA_FIB_RESULT = 2;
    private const ushort NFTA_FIB_FLAGS = 3;

    public override string Name => "fib";

    /// <summary>Whether a route to the packet's source leads back to where it came from: index, or 0 if none does. Compare with 0 for
    /// a reverse-path check.</summary>
    public static Fib ReversePath(NftRegister target) => new(FibInput.Source | FibInput.IncomingLink, FibResult.OutgoingIndex, target);

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(NFTA_FIB_DREG, Target.Number);
        writer.WriteU32BigEndian(NFTA_FIB_RESULT, (uint)Result);
        writer.WriteU32BigEndian(NFTA_FIB_FLAGS, (uint)Input);
    }
}
