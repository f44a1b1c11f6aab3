namespace Calico.Felix.Rules;

/// <summary>What a rule decides.</summary>
public enum RuleAction
{
    /// <summary>Accepted; nothing after it is asked.</summary>
    Allow,

    /// <summary>Dropped.</summary>
    Deny,

    /// <summary>Leaves this list; the next one is asked.</summary>
    Pass,

    /// <summary>Logged; the next rule is asked.</summary>
    Log,
}
