using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Ends the rule with a verdict (the kernel's <c>immediate</c> into the verdict register).</summary>
public sealed record Verdict(NftVerdict Value) : NftExpression
{
    public override string Name => "immediate";

    public static Verdict Accept { get; } = new(NftVerdict.Accept);

    public static Verdict Drop { get; } = new(NftVerdict.Drop);

    public static Verdict Return { get; } = new(NftVerdict.Return);

    public static Verdict Jump(string chain) => new(NftVerdict.Jump(chain));

    public static Verdict Goto(string chain) => new(NftVerdict.Goto(chain));

    protected override void WriteContent(NetlinkWriter writer)
    {
        writer.WriteU32BigEndian(Immediate.NFTA_IMMEDIATE_DREG, NftRegister.Verdict.Number);
        Value.Write(writer, Immediate.NFTA_IMMEDIATE_DATA);
    }
}
