using System.Text.Json;
using System.Text.RegularExpressions;
using Calico.Datastore.Output;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Calico.Cli.Output;

/// <summary>Writes JSON as YAML the way upstream does: keys sorted, lists at their key's indent, and quotes round every text that would
/// read as something else.</summary>
internal static partial class YamlWriter
{
    private static readonly HashSet<string> OtherMeaning = new(StringComparer.OrdinalIgnoreCase)
    {
        // YAML 1.1 readers take these as booleans or null.
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n",
    };

    internal static void Write(TextWriter output, JsonElement value)
    {
        var settings = new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 1024);
        var emitter = new Emitter(output, settings);
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
                emitter.Emit(new MappingStart(AnchorName.Empty, TagName.Empty, true,
                    members.Length == 0 ? MappingStyle.Flow : MappingStyle.Block));
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
        var style = OtherMeaning.Contains(text) || NumberOrDate().IsMatch(text) ? ScalarStyle.DoubleQuoted
            // Only between double quotes a character that is shown reads back as itself.
            : EscapingWriter.HasControl(text) ? ScalarStyle.DoubleQuoted
            : text.Contains('\n', StringComparison.Ordinal) ? ScalarStyle.Literal
            : ScalarStyle.Any;
        emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, text, style, isPlainImplicit: true, isQuotedImplicit: true));
    }

    // Numbers of either YAML version (also 0x1f, 1_000, 1:30 and .inf) and dates.
    [GeneratedRegex("""
        \A(?:[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?
        |0[xXoObB][0-9a-fA-F_]+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
        |[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\ ].*)?)\z
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex NumberOrDate();
}
