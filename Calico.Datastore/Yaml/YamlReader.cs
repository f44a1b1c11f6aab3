using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Calico.Datastore.Yaml;

/// <summary>Reads YAML, of which JSON is a part, into JSON nodes, through the event parser: nothing here knows any type, so nothing
/// needs reflection.</summary>
/// <remarks>Facts: plain scalars are read by YAML 1.2's core schema. Duplicate keys are refused, since whoever wrote them meant both.
/// Depth and the number of values that aliases expand to are bounded.</remarks>
public static partial class YamlReader
{
    private const int MaxDepth = 64;
    private const int MaxAliasedValues = 10_000;

    /// <summary>All documents of a text, with the places of their members.</summary>
    /// <param name="text">YAML or JSON.</param>
    /// <param name="asWritten">Scalars are texts as they are written, but for null: whoever knows what each is reads them.</param>
    /// <exception cref="YamlFaultException">The text is not YAML.</exception>
    public static IReadOnlyList<YamlDocument> Read(string text, bool asWritten = false)
    {
        try
        {
            // A byte-order mark that came through a pipe is still there.
            return ReadDocuments(new Parser(new Scanner(new StringReader(text.TrimStart('\uFEFF')), skipComments: true)), asWritten);
        }
        catch (YamlException e)
        {
            throw new YamlFaultException(e.Start.Line, e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or FormatException or OverflowException
            or IndexOutOfRangeException)
        {
            // The scanner's own stumbling over some texts, e.g. a flow sequence that does not end.
            throw new YamlFaultException(null, $"the text cannot be read: {e.Message}");
        }
    }

    private static List<YamlDocument> ReadDocuments(Parser parser, bool asWritten)
    {
        var documents = new List<YamlDocument>();
        parser.Consume<StreamStart>();
        while (!parser.TryConsume<StreamEnd>(out _))
        {
            parser.Consume<DocumentStart>();
            var line = (int)parser.Current!.Start.Line;
            var document = new Document(parser, asWritten);
            documents.Add(new(document.Read(0, ""), document.Lines, document.Flags, line));
            parser.Consume<DocumentEnd>();
        }

        return documents;
    }

    private static JsonNode? Plain(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => true,
        "false" or "False" or "FALSE" => false,
        _ when IntegerPattern().IsMatch(text)
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        // What no number can hold stays a text, which the field then refuses.
        _ when FloatPattern().IsMatch(text)
            && double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture) is var number && double.IsFinite(number) => number,
        _ => text,
    };

    private static bool? Flag(string text) => text switch
    {
        "yes" or "Yes" or "YES" or "on" or "On" or "ON" or "y" or "Y" => true,
        "no" or "No" or "NO" or "off" or "Off" or "OFF" or "n" or "N" => false,
        _ => null,
    };

    [GeneratedRegex(@"\A[-+]?[0-9]+\z")]
    private static partial Regex IntegerPattern();

    [GeneratedRegex(@"\A[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\z")]
    private static partial Regex FloatPattern();

    /// <summary>One document; its anchors end with it.</summary>
    private sealed class Document(Parser parser, bool asWritten)
    {
        private readonly Dictionary<string, JsonNode?> _anchors = new(StringComparer.Ordinal);
        private int _aliasedValues;

        internal Dictionary<string, int> Lines { get; } = new(StringComparer.Ordinal);

        internal Dictionary<string, bool> Flags { get; } = new(StringComparer.Ordinal);

        internal JsonNode? Read(int depth, string path)
        {
            if (depth > MaxDepth)
            {
                throw new YamlException(parser.Current!.Start, parser.Current.End, "nested too deeply");
            }

            switch (parser.Current)
            {
                case AnchorAlias alias:
                    parser.MoveNext();
                    return Copy(alias);
                case Scalar scalar:
                    parser.MoveNext();
                    var isPlain = scalar is { Style: ScalarStyle.Plain, Tag.IsEmpty: true };
                    if (isPlain && Flag(scalar.Value) is { } flag)
                    {
                        Flags[path] = flag;
                    }

                    return Anchored(scalar, isPlain && (!asWritten || Plain(scalar.Value) is null) ? Plain(scalar.Value) : scalar.Value);
                case SequenceStart sequence:
                    return Anchored(sequence, ReadSequence(depth, path));
                case MappingStart mapping:
                    return Anchored(mapping, ReadMapping(depth, path));
                default:
                    throw new YamlException(parser.Current!.Start, parser.Current.End, "a value is expected");
            }
        }

        private JsonArray ReadSequence(int depth, string path)
        {
            var list = new JsonArray();
            parser.Consume<SequenceStart>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                var at = $"{path}[{list.Count}]";
                Lines[at] = (int)parser.Current!.Start.Line;
                list.Add(Read(depth + 1, at));
            }

            return list;
        }

        private JsonObject ReadMapping(int depth, string path)
        {
            var map = new JsonObject();
            parser.Consume<MappingStart>();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>();
                if (map.ContainsKey(key.Value))
                {
                    throw new YamlException(key.Start, key.End, $"key \"{key.Value}\" already set in map");
                }

                var at = path.Length == 0 ? key.Value : $"{path}.{key.Value}";
                Lines[at] = (int)key.Start.Line;
                map[key.Value] = Read(depth + 1, at);
            }

            return map;
        }

        private JsonNode? Anchored(NodeEvent start, JsonNode? value)
        {
            if (!start.Anchor.IsEmpty)
            {
                _anchors[start.Anchor.Value] = value;
            }

            return value;
        }

        private JsonNode? Copy(AnchorAlias alias)
        {
            if (!_anchors.TryGetValue(alias.Value.Value, out var value))
            {
                throw new YamlException(alias.Start, alias.End, $"unknown anchor '{alias.Value.Value}' referenced");
            }

            _aliasedValues += Count(value);
            return _aliasedValues <= MaxAliasedValues
                ? value?.DeepClone()
                : throw new YamlException(alias.Start, alias.End, "document contains excessive aliasing");
        }

        private static int Count(JsonNode? value) => value switch
        {
            JsonObject map => 1 + map.Sum(member => Count(member.Value)),
            JsonArray list => 1 + list.Sum(Count),
            _ => 1,
        };
    }
}
