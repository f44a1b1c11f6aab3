namespace Calico.Felix.Rules;

/// <summary>An ICMP type, and a code or any.</summary>
public readonly record struct IcmpTypeCode(byte Type, byte? Code)
{
    public override string ToString() => Code is { } code ? $"{Type}/{code}" : $"{Type}";
}
