using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Calico.Cli.Output;

/// <summary>Writes JSON as YAML the way upstream does: keys sorted, lists at their key's indent, and quotes round every text that would
/// read as something else.</summary>
internal static class YamlWriter
{
    private static readonly HashSet<string> otherMeaning = new(StringComparer.OrdinalIgnoreCase)
    {
        // YAML 1.1 readers take these as booleans or null.
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n",
    };

    internal static void Write(TextWriter output, JsonElement value)
    {
        var emitter = new Emitter(output, new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 1024));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, isImplicit: true));
        Emit(emitter, value);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
    }

    private static void Emit(Emitter emitter, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var members = value.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal).ToArray();
                emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, true, members.Length == 0 ? MappingStyle.Flow : MappingStyle.Block));
                foreach (var member in members)
                {
                    EmitText(emitter, member.Name);
                    Emit(emitter, member.Value);
                }

                emitter.Emit(new MappingEnd());
                break;
            case JsonValueKind.Array:
                emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, true,
                    value.GetArrayLength() == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
                foreach (var item in value.EnumerateArray())
                {
                    Emit(emitter, item);
                }

                emitter.Emit(new SequenceEnd());
                break;
            case JsonValueKind.String:
                EmitText(emitter, value.GetString()!);
                break;
            default:
                emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, value.GetRawText(), ScalarStyle.Plain, true, false));
                break;
        }
    }

    private static void EmitText(Emitter emitter, string text)
    {
        var style = otherMeaning.Contains(text) || LooksLikeNumber(text) ? ScalarStyle.DoubleQuoted
            : text.Contains('\n', StringComparison.Ordinal) ? ScalarStyle.Literal
            : ScalarStyle.Any;
        emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, text, style, isPlainImplicit: true, isQuotedImplicit: true));
    }

    // Generous: quotes round what is no number after all do no harm.
    private static bool LooksLikeNumber(string text) =>
        text.AsSpan().IndexOfAnyExcept("0123456789abcdefABCDEFxXoO+-._:,") < 0
        && (char.IsAsciiDigit(text[0]) || text[0] is '+' or '-' or '.') && text.Count(c => c is '.') < 2 && !text.Contains(':', StringComparison.Ordinal)
        && !Guid.TryParse(text, out _);
}
