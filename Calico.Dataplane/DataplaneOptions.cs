using System.ComponentModel.DataAnnotations;

namespace Calico.Dataplane;

/// <summary>How this node's dataplane is laid out. All of it must stay the same over restarts: it is how we recognise what is ours.
/// </summary>
public sealed record DataplaneOptions
{
    /// <summary>Of this node, as in the store.</summary>
    [Required]
    public required string NodeName { get; init; }

    /// <summary>What the host side of every workload's pair starts with.</summary>
    [StringLength(8, MinimumLength = 1)]
    public string InterfacePrefix { get; init; } = "cali";

    /// <summary>Protocol number of our routes.</summary>
    [Range(5, 255)]
    public int RouteProtocol { get; init; } = 80;

    /// <summary>Bits of the packet mark that are ours alone: the two lowest are used, and cleared when a packet comes in.</summary>
    public uint MarkMask { get; init; } = 0xffff0000;

    /// <summary>The nftables table, of family inet.</summary>
    [Required]
    public string TableName { get; init; } = "calico";

    /// <summary>The table that closes workloads while ours is another process's.</summary>
    public string ClosingTableName => TableName + "-closed";

    /// <summary>The table that leads published ports to workloads.</summary>
    public string PortsTableName => TableName + "-ports";

    /// <summary>nflog group that the rule action Log writes to.</summary>
    public ushort LogGroup { get; init; } = 5;

    /// <summary>nflog group that is told of dropped packets; null: this kernel cannot.</summary>
    public ushort? DropGroup { get; init; } = 6;

    /// <summary>How many dropped packets a second are told of, for each reason; all are counted.</summary>
    [Range(1, 10_000)]
    public int DropsToldPerSecond { get; init; } = 50;

    /// <summary>Link group of the host sides of workloads' pairs, an even number: a link stays in it whatever it is renamed to.</summary>
    public uint LinkGroup { get; init; } = 0x63616c68;

    /// <summary>Link group of those that wait for their deletion.</summary>
    public uint ReapGroup => LinkGroup | 1;

    /// <summary>How long deletions of interfaces are collected: they share one wait for the kernel's grace period.</summary>
    public TimeSpan ReapInterval { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How often the kernel is read and compared although nothing told of a change.</summary>
    public TimeSpan AuditInterval { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>How often settings of the kernel that tell of no change are looked at.</summary>
    public TimeSpan SettingsInterval { get; init; } = TimeSpan.FromSeconds(5);
}
