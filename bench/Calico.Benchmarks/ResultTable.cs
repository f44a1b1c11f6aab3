using System.Globalization;
using System.Text;

namespace Calico.Benchmarks;

/// <summary>One line of the results.</summary>
/// <param name="Measure">What.</param>
/// <param name="Ours">Our figure, with its unit.</param>
/// <param name="Reference">The peer's or the floor's, measured in the same run.</param>
/// <param name="Ratio">Ours by reference; NaN where there is none.</param>
/// <param name="Budget">What it has to be.</param>
/// <param name="Met">Whether it is.</param>
public sealed record ResultLine(string Measure, string Ours, string Reference, double Ratio, string Budget, bool Met);

/// <summary>The results as a Markdown table.</summary>
public sealed class ResultTable
{
    private readonly List<ResultLine> _lines = [];

    public void Add(string measure, string ours, string reference, double ratio, string budget, bool met)
    {
        var line = new ResultLine(measure, ours, reference, ratio, budget, met);
        _lines.Add(line);
        Console.WriteLine($"  {measure,-76} {ours,-22} {reference,-30} {RatioText(ratio),6}  {(met ? "within" : "OVER")} {budget}");
    }

    /// <summary>A ratio with a highest value.</summary>
    public void AddRatio(string measure, double ours, double reference, string unit, double most) =>
        Add(measure, $"{ours:0.##} {unit}", $"{reference:0.##} {unit}", ours / reference,
            $"≤ {most.ToString(CultureInfo.InvariantCulture)} ×", ours / reference <= most);

    public string ToMarkdown(string machine)
    {
        var text = new StringBuilder();
        text.Append("# Results\n\nWritten by `./build.sh bench`; each ratio is of one run on one machine, peers and ours in turn.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"Machine: {machine}\n\n");
        text.Append("| measure | ours | reference | ratio | budget | |\n|---|---|---|---|---|---|\n");
        foreach (var line in _lines)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"| {line.Measure} | {line.Ours} | {line.Reference} | {RatioText(line.Ratio)} | {line.Budget} | {(line.Met ? "within" : "**over**")} |\n");
        }

        return text.ToString();
    }

    private static string RatioText(double ratio) => double.IsNaN(ratio) ? "" : ratio.ToString("0.00", CultureInfo.InvariantCulture);
}
