using System.Text;

namespace Calico.Datastore.Selectors;

/// <summary><c>all()</c>.</summary>
internal sealed class AllNode : SelectorNode
{
    public static readonly AllNode Instance = new();

    public override bool UsesGlobal => false;

    public override bool Matches(IReadOnlyDictionary<string, string> labels) => true;

    public override Truth Decide(IReadOnlyDictionary<string, string> known) => Truth.True;

    public override void Format(StringBuilder text) => text.Append("all()");

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => rewrite.All;
}

/// <summary><c>global()</c>: true; has a meaning of its own only as a rule's whole namespaceSelector.</summary>
internal sealed class GlobalNode : SelectorNode
{
    public static readonly GlobalNode Instance = new();

    public override bool UsesGlobal => true;

    public override bool Matches(IReadOnlyDictionary<string, string> labels) => true;

    public override Truth Decide(IReadOnlyDictionary<string, string> known) => Truth.True;

    public override void Format(StringBuilder text) => text.Append("global()");

    public override SelectorNode Rewrite(SelectorRewrite rewrite) => rewrite.Global;
}
