namespace Calico.Linux.Route;

/// <summary>What a routing rule does (uapi linux/fib_rules.h, FR_ACT_*).</summary>
public enum RoutingRuleAction : byte
{
    /// <summary>Look the packet up in the rule's table.</summary>
    Lookup = 1,
    Goto = 2,
    Nothing = 3,
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,
}
