namespace Calico.Datastore.Selectors;

internal enum SelectorTokenKind
{
    Label,
    StringLiteral,
    Has,
    All,
    Global,
    LeftParenthesis,
    RightParenthesis,
    LeftBrace,
    RightBrace,
    Comma,
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    In,
    NotIn,
    Not,
    And,
    Or,
    End,
}

/// <summary>A token; <paramref name="Text"/> is the label or literal, empty for the others.</summary>
internal readonly record struct SelectorToken(SelectorTokenKind Kind, string Text = "")
{
    public override string ToString() => Text.Length == 0 ? Kind.ToString() : $"{Kind}({Text})";
}
