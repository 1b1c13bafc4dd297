// A file of the bundle in memory: one word a line, as $readmemh takes it.
module tb_hex_file #(
    parameter FILE = "",
    parameter int BITS = 8,
    parameter int COUNT = 1
);
  string folder, path;
  int file;
  logic [BITS-1:0] memory [0:COUNT-1];

  initial begin
    if (!$value$plusargs("data=%s", folder)) folder = "data";
    path = {folder, "/", FILE};
    file = $fopen(path, "r");
    if (file == 0) begin
      $display("FAIL missing file %0s", path);
      $fatal(0);
    end
    $fclose(file);
    $readmemh(path, memory, 0, COUNT - 1);
    if (^memory[COUNT-1] === 1'bx) begin
      $display("FAIL %0s holds fewer than %0d words", path, COUNT);
      $fatal(0);
    end
  end
endmodule
