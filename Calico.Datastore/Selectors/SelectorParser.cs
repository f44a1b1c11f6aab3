namespace Calico.Datastore.Selectors;

/// <summary>Recursive descent over the tokens: <c>or</c>, <c>and</c>, <c>!</c>, primary.</summary>
internal sealed class SelectorParser
{
    /// <summary>Far beyond anything a person writes; keeps hostile text from exhausting the stack, here and in every walk over the
    /// tree.</summary>
    private const int MaxDepth = 100;

    private readonly List<SelectorToken> _tokens;
    private int _position;
    private int _depth;

    private SelectorParser(List<SelectorToken> tokens) => _tokens = tokens;

    public static SelectorNode Parse(string text)
    {
        var parser = new SelectorParser(SelectorTokenizer.Tokenize(text));
        if (parser.Current.Kind == SelectorTokenKind.End)
        {
            return AllNode.Instance;
        }

        var root = parser.ParseOr();
        return parser.Current.Kind == SelectorTokenKind.End
            ? root
            : throw new SelectorSyntaxException(
                $"unexpected content at end of selector [{string.Join(' ', parser._tokens.Skip(parser._position))}]");
    }

    private SelectorToken Current => _tokens[_position];

    private SelectorToken Next() => _tokens[_position++];

    private bool TryTake(SelectorTokenKind kind)
    {
        if (Current.Kind != kind)
        {
            return false;
        }

        _position++;
        return true;
    }

    private SelectorNode ParseOr()
    {
        if (++_depth > MaxDepth)
        {
            throw new SelectorSyntaxException($"more than {MaxDepth} nested parentheses");
        }

        var first = ParseAnd();
        if (Current.Kind == SelectorTokenKind.Or)
        {
            var operands = new List<SelectorNode> { first };
            while (TryTake(SelectorTokenKind.Or))
            {
                operands.Add(ParseAnd());
            }

            first = new OrNode([.. operands]);
        }

        _depth--;
        return first;
    }

    private SelectorNode ParseAnd()
    {
        var first = ParseUnary();
        if (Current.Kind != SelectorTokenKind.And)
        {
            return first;
        }

        var operands = new List<SelectorNode> { first };
        while (TryTake(SelectorTokenKind.And))
        {
            operands.Add(ParseUnary());
        }

        return new AndNode([.. operands]);
    }

    private SelectorNode ParseUnary()
    {
        var negated = false;
        while (TryTake(SelectorTokenKind.Not))
        {
            negated = !negated;
        }

        var operand = ParsePrimary();
        return negated ? NotNode.Of(operand) : operand;
    }

    private SelectorNode ParsePrimary()
    {
        var token = Next();
        switch (token.Kind)
        {
            case SelectorTokenKind.LeftParenthesis:
                var inner = ParseOr();
                return TryTake(SelectorTokenKind.RightParenthesis) ? inner : throw new SelectorSyntaxException("expected )");
            case SelectorTokenKind.Has:
                return new HasNode(token.Text);
            case SelectorTokenKind.All:
                return AllNode.Instance;
            case SelectorTokenKind.Global:
                return GlobalNode.Instance;
            case SelectorTokenKind.Label:
                return ParseComparison(token.Text);
            default:
                throw new SelectorSyntaxException($"unexpected token: {token}");
        }
    }

    private SelectorNode ParseComparison(string label)
    {
        var token = Next();
        switch (token.Kind)
        {
            case SelectorTokenKind.Equal:
                return new CompareNode(label, Comparison.Equal, ParseLiteral());
            case SelectorTokenKind.NotEqual:
                return new CompareNode(label, Comparison.NotEqual, ParseLiteral());
            case SelectorTokenKind.Contains:
                return new CompareNode(label, Comparison.Contains, ParseLiteral());
            case SelectorTokenKind.StartsWith:
                return new CompareNode(label, Comparison.StartsWith, ParseLiteral());
            case SelectorTokenKind.EndsWith:
                return new CompareNode(label, Comparison.EndsWith, ParseLiteral());
            case SelectorTokenKind.In:
                return new SetNode(label, ParseSet(), negated: false);
            case SelectorTokenKind.NotIn:
                return new SetNode(label, ParseSet(), negated: true);
            case SelectorTokenKind.End:
                throw new SelectorSyntaxException("unexpected end of string looking for op");
            default:
                throw new SelectorSyntaxException($"expected == or != not: {token}");
        }
    }

    private string ParseLiteral()
    {
        var token = Next();
        return token.Kind == SelectorTokenKind.StringLiteral ? token.Text : throw new SelectorSyntaxException("expected string");
    }

    private List<string> ParseSet()
    {
        if (!TryTake(SelectorTokenKind.LeftBrace))
        {
            throw new SelectorSyntaxException("expected set literal");
        }

        var values = new List<string>();
        while (Current.Kind == SelectorTokenKind.StringLiteral)
        {
            values.Add(Next().Text);
            if (!TryTake(SelectorTokenKind.Comma))
            {
                break;
            }
        }

        return TryTake(SelectorTokenKind.RightBrace) ? values : throw new SelectorSyntaxException("expected }");
    }
}
